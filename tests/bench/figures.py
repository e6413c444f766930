"""Figures: what was measured, beside what the plain baseline reached in the same run."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One number. Shapes: `ratio` is value / baseline; for rates more is better, for times and bytes less."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class Options:
    """How large and how long. `is_quick` makes everything small, to show that the benchmark works."""

    runs: int = 5
    entries: int = 100_000
    idle_s: float = 60.0
    is_quick: bool = False

    def scaled(self, size: int) -> int:
        """A size, or a small part of it in quick mode."""
        return max(4, size // 100) if self.is_quick else size


def figure(name: str, unit: str, values: Iterable[float], baseline: Iterable[float] | None = None) -> Figure:
    """The median of several runs, against the median of the baseline's."""
    value = median(values)
    plain = None if baseline is None else median(baseline)
    ratio = None if not plain else round(value / plain, 3)
    return Figure(name, _rounded(value), unit, ratio, None if plain is None else _rounded(plain))


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 100 else round(value, 2)


def as_json(figures: Iterable[Figure]) -> str:
    return "\n".join(json.dumps(asdict(one)) for one in figures)


def as_table(figures: Iterable[Figure]) -> str:
    """Lines for people."""
    rows = [("figure", "value", "unit", "baseline", "ratio")]
    for one in figures:
        plain = "-" if one.baseline is None else f"{one.baseline:,}"
        ratio = "-" if one.ratio is None else f"{one.ratio:.2f}"
        rows.append((one.name, f"{one.value:,}", one.unit, plain, ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            (cell.ljust if column in (0, 2) else cell.rjust)(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

"""Figures of commons: how they are used, what licences asked and was given back, what came in from outside.

They are about the whole and name nobody, as `figures.py` does. Counted is what stands in the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from p2pnode.consensus.rows import Rows
from p2pnode.economy import commons, tables, transvestment, using
from p2pnode.economy.commons import ADOPTED
from p2pnode.economy.figures import month_of, parts_of
from p2pnode.economy.tables import STANDING


class UseFigure(NamedTuple):
    """Uses of one kind in one unit. Shapes: users counts who used it. Units: smallest parts."""

    use: str
    unit: str
    amount: int
    times: int
    users: int


class BackFigure(NamedTuple):
    """What licences asked for uses, and what of it was given back, in one unit. Units: smallest parts."""

    unit: str
    asked: int
    given: int


class InflowFigure(NamedTuple):
    """Means from outside in one unit: brought in, what may ever flow back, and did. Units: smallest parts."""

    unit: str
    brought: int
    cap: int
    returned: int


class CommonsFigures(NamedTuple):
    """All of it, each in ascending order."""

    uses: tuple[UseFigure, ...]
    back: tuple[BackFigure, ...]
    inflows: tuple[InflowFigure, ...]


def commons_named(rows: Rows) -> list[str]:
    """The names of all commons, ascending."""
    return sorted({row.name for _, row in commons.all_commons(rows)})


def commons_figures(rows: Rows, scope: str | None, first: int | None, last: int | None) -> CommonsFigures:
    """The figures of some months, both ends included, of the commons of one name or of all."""
    named = {key for key, row in commons.all_commons(rows) if scope in (None, row.name)}

    def holds(performed_ms: int) -> bool:
        month = month_of(performed_ms)
        return (first is None or first <= month) and (last is None or month <= last)

    used: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
    back: dict[str, list[int]] = {}
    for use_id, use in using.uses(rows):
        said = using.USE.decode(use.payload)
        if use.commons not in named or use.status != STANDING or not holds(said.performed_ms):
            continue
        amount = parts_of(use.quantity.amount)
        used.setdefault((said.use or "", use.quantity.unit), []).append((amount, use.actor))
        claim = tables.claim(rows, use_id)
        if claim is not None:
            sums = back.setdefault(claim.quantity.unit, [0, 0])
            sums[0] += parts_of(claim.quantity.amount)
            sums[1] += parts_of(claim.settled)
    return CommonsFigures(
        tuple(
            UseFigure(*key, sum(amount for amount, _ in found), len(found), len({who for _, who in found}))
            for key, found in sorted(used.items())
        ),
        tuple(BackFigure(unit, *back[unit]) for unit in sorted(back)),
        tuple(_inflows(rows, scope, named, holds)),
    )


def _inflows(
    rows: Rows, scope: str | None, named: set[bytes], holds: Callable[[int], bool]
) -> Iterator[InflowFigure]:
    found: dict[str, list[int]] = {}
    for inflow_id, row in transvestment.inflows(rows):
        said = transvestment.INFLOW.decode(row.payload)
        is_ours = scope is None or said.commons in named
        if row.status != ADOPTED or not is_ours or not holds(said.performed_ms):
            continue
        claim = tables.claim(rows, inflow_id)
        sums = found.setdefault(row.quantity.unit, [0, 0, 0])
        sums[0] += parts_of(row.quantity.amount)
        sums[1] += parts_of(row.cap)
        sums[2] += 0 if claim is None else parts_of(claim.settled)
    return (InflowFigure(unit, *found[unit]) for unit in sorted(found))

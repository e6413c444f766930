"""A table of an export, as the node hands it out page by page, and how it becomes CSV or Parquet.

CSV holds what a spreadsheet can open without running anything; `importers/sheet.py` reads it back. Parquet
holds amounts as decimals of 38 digits, exact to the last one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from p2pnode.core.cell import guarded
from p2pnode.core.errors import UsageError
from p2pnode.exporters.valueflows import stamp

NAMES = (
    "agents",
    "agreements",
    "balances",
    "bookings",
    "claims",
    "clauses",
    "commitments",
    "contributions",
    "events",
    "intents",
    "kinds",
    "metered",
    "meters",
    "processes",
    "readings",
    "resources",
)
_ATTEMPTS = 5
_DIGITS, _DECIMALS = 38, 18

Fetch = Callable[[str, "str | None"], Mapping[str, Any]]
"""Asks the node for a page of a table behind a key."""


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of one table. Shapes: columns are [name, kind]; height and time_ms are those of the last
    final block.
    """

    name: str
    group: str
    group_name: str
    height: int
    time_ms: int
    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]

    def dicts(self) -> Iterator[dict[str, Any]]:
        """The rows by the names of their columns."""
        names = [name for name, _ in self.columns]
        return (dict(zip(names, row, strict=True)) for row in self.rows)


def read_tables(fetch: Fetch, names: Sequence[str]) -> list[Table]:
    """Tables of one moment: when a block comes between, they are read again.

    Errors: UsageError export.busy.
    """
    for _ in range(_ATTEMPTS):
        tables = [_read(fetch, name) for name in names]
        if len({table.height for table in tables}) == 1 and all(table.height >= 0 for table in tables):
            return tables
    raise UsageError("export.busy", "blocks come faster than the export is read", "try again later")


def _read(fetch: Fetch, name: str) -> Table:
    page = fetch(name, None)
    height = page["height"]
    rows = list(page["rows"])
    while page["next"] is not None:
        page = fetch(name, page["next"])
        rows += page["rows"]
        if page["height"] != height:
            height = -1
            break
    columns = tuple((str(column), str(kind)) for column, kind in page["columns"])
    return Table(name, page["group"], page["name"], height, page["time_ms"], columns, rows)


# ---- CSV


def write_csv(table: Table, path: Path) -> None:
    """One file: a heading, then the rows. Errors: OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(name for name, _ in table.columns)
        writer.writerows(_cells(table.columns, row) for row in table.rows)


def _cells(columns: Iterable[tuple[str, str]], row: Sequence[Any]) -> Iterator[str]:
    for (_, kind), value in zip(columns, row, strict=True):
        if value is None:
            yield ""
        elif kind == "time":
            yield stamp(value) or ""
        elif kind == "flag":
            yield "true" if value else "false"
        elif kind == "text":
            # What people wrote may begin like a formula; amounts are ours, and stay numbers.
            yield guarded(str(value))
        else:
            yield str(value)


# ---- Parquet


def write_parquet(table: Table, path: Path) -> None:
    """One file with typed columns. Errors: OSError."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    types = {
        "amount": pa.decimal128(_DIGITS, _DECIMALS),
        "time": pa.timestamp("ms", tz="UTC"),
        "integer": pa.int64(),
        "flag": pa.bool_(),
        "text": pa.string(),
    }
    metadata = {"group": table.group, "group_name": table.group_name, "height": str(table.height)}
    schema = pa.schema([(name, types[kind]) for name, kind in table.columns], metadata=metadata)
    columns = [
        [_cell(kind, row[place]) for row in table.rows] for place, (_, kind) in enumerate(table.columns)
    ]
    arrays = [pa.array(column, schema.field(place).type) for place, column in enumerate(columns)]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), path)


def _cell(kind: str, value: Any) -> Any:
    if kind != "amount":
        return value
    return None if value in (None, "") else Decimal(value)

"""What was given and taken as a journal of plain-text accounting, for hledger and beancount.

Each unit is a commodity. What somebody gives another is a posting to `Income:GIVER:TAKER`, and the same
amount to `Expenses:TAKER:GIVER`: every account of the group is the balance that its node shows. A final
event is cleared (`*`), one that no block has ordered yet is pending (`!`).

Source: hledger 1.25 journal format; beancount 3 language syntax.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from p2pnode.exporters.table import Table

HLEDGER, BEANCOUNT = "hledger", "beancount"
_COMMODITY_CHARACTERS_MAX = 24
_ID_CHARACTERS = 8
_NAME_CHARACTERS_MAX = 40
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One transaction. Shapes: amount and unit are what flowed."""

    date: str
    row: Mapping[str, Any]
    amount: str
    commodity: str
    accounts: tuple[str, str]
    words: str


def write_journal(agents: Table, events: Table, readings: Table, dialect: str) -> str:
    """The journal as text. Shapes: dialect is hledger or beancount."""
    counted = [row for row in events.dicts() if row["counted_amount"]]
    counted += [_read(row) for row in readings.dicts() if row["receiver"]]
    commodities = _commodities(row["counted_unit"] for row in counted)
    names = _account_names(agents)
    entries = sorted(
        (_entry(row, names, commodities) for row in counted), key=lambda entry: (entry.date, entry.row["id"])
    )
    write = _hledger if dialect == HLEDGER else _beancount
    return "".join(f"{line}\n" for line in write(events, entries, commodities))


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """Readings of a meter that produces for the group, as an event."""
    said = {"kind": f"by {row['count']} readings", "note": "", "stream": "", "commons": ""}
    named = {"id": row["entry"], "corrects": "", "fulfills": "", "performed": row["last"]}
    return {**row, **said, **named, "counted_amount": row["amount"], "counted_unit": row["unit"]}


def _entry(row: Mapping[str, Any], names: Mapping[str, str], commodities: Mapping[str, str]) -> _Entry:
    giver, taker = names[row["provider"]], names[row["receiver"]]
    words = " ".join(word for word in (row["action"], row["kind"]) if word)
    return _Entry(
        _date(row["performed"]),
        row,
        row["counted_amount"],
        commodities[row["counted_unit"]],
        (f"Income:{giver}:{taker}", f"Expenses:{taker}:{giver}"),
        _line(f"{words}: {row['note']}" if row["note"] else words),
    )


def _hledger(events: Table, entries: list[_Entry], commodities: Mapping[str, str]) -> Iterator[str]:
    yield f"; {_line(events.group_name)}, group {events.group}, block {events.height}"
    yield "; * is final, ! is not ordered by a block yet"
    for unit, commodity in commodities.items():
        decimals = max(len(one.amount.partition(".")[2]) for one in entries if one.commodity == commodity)
        # As many decimals as there are, or amounts would be shown rounded.
        yield f"; {commodity} is {unit}"
        yield f'commodity 1000.{"0" * decimals} "{commodity}"'
    for account in _accounts(entries):
        yield f"account {account}"
    for entry in entries:
        yield ""
        flag = "*" if entry.row["finality"] == "final" else "!"
        yield f"{entry.date} {flag} ({entry.row['id']}) {entry.words.replace(';', ',')}"
        yield from (f"    ; {name}: {value}" for name, value in _tags(entry.row))
        yield f'    {entry.accounts[0]}  {_negated(entry.amount)} "{entry.commodity}"'
        yield f'    {entry.accounts[1]}  {entry.amount} "{entry.commodity}"'


def _beancount(events: Table, entries: list[_Entry], commodities: Mapping[str, str]) -> Iterator[str]:
    yield f"; group {events.group}, block {events.height}"
    yield "; * is final, ! is not ordered by a block yet"
    yield f'option "title" "{_quoted(events.group_name)}"'
    first = min((entry.date for entry in entries), default="1970-01-01")
    for unit, commodity in commodities.items():
        yield f"{first} commodity {commodity}"
        yield f'  name: "{_quoted(unit)}"'
    for account in _accounts(entries):
        yield f"{first} open {account}"
    for entry in entries:
        yield ""
        flag = "*" if entry.row["finality"] == "final" else "!"
        yield f'{entry.date} {flag} "{_quoted(entry.words)}"'
        yield f'  record: "{entry.row["id"]}"'
        yield from (f'  {name}: "{_quoted(value)}"' for name, value in _tags(entry.row))
        yield f"  {entry.accounts[0]}  {_negated(entry.amount)} {entry.commodity}"
        yield f"  {entry.accounts[1]}  {entry.amount} {entry.commodity}"


def _tags(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("stream", "commons", "corrects", "fulfills"):
        if row[name]:
            yield name, _line(str(row[name])).replace(",", " ")


def _accounts(entries: Iterable[_Entry]) -> list[str]:
    return sorted({account for entry in entries for account in entry.accounts})


def _account_names(agents: Table) -> dict[str, str]:
    """A part of an account's name for each agent: the name in plain letters, and the start of the id."""
    rows = list(agents.dicts())
    starts = [row["id"][:_ID_CHARACTERS] for row in rows]
    names = {}
    for row, start in zip(rows, starts, strict=True):
        ident = start if starts.count(start) == 1 else row["id"]
        letters = unicodedata.normalize("NFKD", row["name"]).encode("ascii", "ignore").decode("ascii")
        plain = _NOT_PLAIN.sub("-", letters).strip("-")[:_NAME_CHARACTERS_MAX].strip("-")
        plain = plain[:1].upper() + plain[1:]
        names[row["id"]] = f"{plain or 'Agent'}-{ident}"
    return names


def _commodities(units: Iterable[str]) -> dict[str, str]:
    """A commodity for each unit: in capitals, and told apart by a hash where capitals do not."""
    distinct = sorted(set(units))
    plain = {unit: unit.upper() for unit in distinct}
    found = {}
    for unit, commodity in plain.items():
        is_shared = list(plain.values()).count(commodity) > 1
        if is_shared or len(commodity) > _COMMODITY_CHARACTERS_MAX or commodity.endswith("-"):
            mark = sha256(unit.encode()).hexdigest()[:_ID_CHARACTERS].upper()
            commodity = f"{commodity[: _COMMODITY_CHARACTERS_MAX - _ID_CHARACTERS - 2]}-X{mark}"
        # One letter is no commodity for some readers.
        found[unit] = commodity if len(commodity) > 1 else f"{commodity}-UNIT"
    return found


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d")


def _negated(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def _line(text: str) -> str:
    """A text on one line, so that nothing that people wrote becomes an account or a directive."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _quoted(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace('"', '\\"')

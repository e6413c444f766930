"""How somebody stands towards one commons: what they gave it, what they took, and every entry behind it.

No score of a person: it is about an actor and one commons, over as many years as the charter says, and says
no more than whether what was given is as much as the charter asks of what was taken.

| table | key | value |
|---|---|---|
| `commons_sum` | commons id, agent id, year in 2 bytes, unit | [given, taken] |
| `commons_entry` | commons id, agent id, record id | [gave or used, measure, year] |
| `commons_used` | commons id, agent id, year in 2 bytes, kind of use, zero, unit | amount |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import EXPONENT_MIN, Amount, add, negated
from p2pnode.economy import tables
from p2pnode.economy.actions import FLOWING
from p2pnode.economy.commons import CommonsRow, commons, commons_named, year_of
from p2pnode.economy.event import Event
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import ZERO, EventRow
from p2pnode.governance import tables as members
from p2pnode.governance.commons_rules import CommonsRules

GAVE, USED = "gave", "used"
GENERATIVE, EXTRACTIVE, NEITHER = "generative", "extractive", "neither"
_YEAR_BYTES = 2
_WHOLE = 1000


class Balance(NamedTuple):
    """What somebody gave and took in one unit."""

    unit: str
    given: Amount
    taken: Amount


class Part(NamedTuple):
    """One entry of a standing. Shapes: kind is gave or used."""

    record: bytes
    kind: str
    measure: Measure
    year: int


def year_bytes(year: int) -> bytes:
    """A year as a part of a key."""
    return year.to_bytes(_YEAR_BYTES, "big")


# ---- counting


def note_given(
    state: State, record_id: bytes, row: EventRow, said: Event, flow: Measure, is_new: bool
) -> None:
    """Count an event, its correction, or its striking as given to the commons that it names or pays.

    Shapes: what stood before its commons was opened is not counted. Errors: FormatError amount.out_of_range.
    """
    commons_id = commons_of(state, row, said)
    if commons_id is None or not _is_agent(state, row.provider):
        return
    subject = said.corrects or record_id
    key = row_key("commons_entry", commons_id, row.provider, subject)
    before = members.read(state, key)
    if before is None:
        held = commons(state, commons_id)
        if held is None or not is_new or said.corrects is not None:
            return
        before = [GAVE, [list(ZERO), flow.unit], year_of(held, row.time_ms)]
    mantissa, exponent = before[1][0]
    total = add((mantissa, exponent), flow.amount)
    members.write(state, key, [GAVE, [list(total), flow.unit], before[2]])
    _add(state, commons_id, row.provider, before[2], Balance(flow.unit, flow.amount, ZERO))


def commons_of(rows: Rows, row: EventRow, said: Event) -> bytes | None:
    """The commons to which an event gives something, or None."""
    if said.settles is not None:
        value = members.read(rows, row_key("use", said.settles))
        if value is not None:
            commons_id: bytes = value[0]
            return commons_id
    if said.in_scope_of is None or said.action not in FLOWING or row.provider == row.receiver:
        return None
    return commons_named(rows, said.in_scope_of)


def _is_agent(rows: Rows, agent_id: bytes) -> bool:
    return members.member(rows, agent_id) is not None or tables.agent(rows, agent_id) is not None


def note_use(
    state: State,
    commons_id: bytes,
    actor: bytes,
    record_id: bytes,
    year: int,
    use: str,
    used: Measure,
    taken: Measure | None,
    sign: int = 1,
) -> None:
    """Count a use, or take it back. Errors: FormatError amount.out_of_range."""
    change = used.amount if sign > 0 else negated(used.amount)
    key = f"{use}\0{used.unit}".encode()
    tables.add_amount(state, change, "commons_used", commons_id, actor, year_bytes(year), key)
    if taken is not None:
        change = taken.amount if sign > 0 else negated(taken.amount)
        _add(state, commons_id, actor, year, Balance(taken.unit, ZERO, change))
    entry_key = row_key("commons_entry", commons_id, actor, record_id)
    if sign > 0:
        counted = taken or Measure(ZERO, used.unit)
        members.write(state, entry_key, [USED, counted.value, year])
    else:
        state.delete(entry_key)


def used_in_year(rows: Rows, commons_id: bytes, actor: bytes, year: int, use: str, unit: str) -> Amount:
    """How much somebody has used in a year, of one kind and in one unit."""
    key = f"{use}\0{unit}".encode()
    return tables.amount(rows, "commons_used", commons_id, actor, year_bytes(year), key)


def _add(state: State, commons_id: bytes, actor: bytes, year: int, change: Balance) -> None:
    key = row_key("commons_sum", commons_id, actor, year_bytes(year), change.unit.encode("ascii"))
    before = members.read(state, key) or [list(ZERO), list(ZERO)]
    given = add((before[0][0], before[0][1]), change.given)
    taken = add((before[1][0], before[1][1]), change.taken)
    if given == ZERO and taken == ZERO:
        state.delete(key)
    else:
        members.write(state, key, [list(given), list(taken)])


# ---- asking


def balances(
    rows: Rows, commons_id: bytes, row: CommonsRow, actor: bytes, rules: CommonsRules, time_ms: int
) -> tuple[Balance, ...]:
    """What somebody gave and took in the years that count, by unit in ascending order."""
    now = year_of(row, time_ms)
    sums: dict[str, Balance] = {}
    for key, value in members.scan(rows, "commons_sum", commons_id, actor):
        year, unit = int.from_bytes(key[:_YEAR_BYTES], "big"), key[_YEAR_BYTES:].decode("ascii")
        if now - rules.years < year <= now:
            before = sums.get(unit, Balance(unit, ZERO, ZERO))
            given, taken = ((part[0], part[1]) for part in value)
            sums[unit] = Balance(unit, add(before.given, given), add(before.taken, taken))
    return tuple(sums[unit] for unit in sorted(sums))


def verdict(found: tuple[Balance, ...], rules: CommonsRules) -> str:
    """Whether somebody is generative or extractive by the charter's test, or neither while nothing counts.

    Shapes: units to which the charter gives points are added up; each other unit has to hold by itself.
    """
    baskets: dict[str, tuple[int, int]] = {}
    for unit, given, taken in found:
        basket = "" if unit in rules.weights else unit
        points = rules.weights.get(unit, 1)
        before = baskets.get(basket, (0, 0))
        baskets[basket] = (before[0] + points * _whole(given), before[1] + points * _whole(taken))
    if not any(given or taken for given, taken in baskets.values()):
        return NEITHER
    holds = all(given * _WHOLE >= taken * rules.generative_permille for given, taken in baskets.values())
    return GENERATIVE if holds else EXTRACTIVE


def with_taken(found: tuple[Balance, ...], taken: Measure) -> tuple[Balance, ...]:
    """The balances as they would be after one more use. Errors: FormatError amount.out_of_range."""
    others = tuple(one for one in found if one.unit != taken.unit)
    before = next((one for one in found if one.unit == taken.unit), Balance(taken.unit, ZERO, ZERO))
    return (*others, before._replace(taken=add(before.taken, taken.amount)))


def _whole(amount: Amount) -> int:
    """An amount in its smallest parts."""
    return int(amount[0] * 10 ** (amount[1] - EXPONENT_MIN))


def parts(rows: Rows, commons_id: bytes, actor: bytes) -> Iterator[Part]:
    """Every entry behind a standing, ascending by record."""
    for record_id, (kind, measure, year) in members.scan(rows, "commons_entry", commons_id, actor):
        yield Part(record_id, kind, Measure((measure[0][0], measure[0][1]), measure[1]), year)


def actors(rows: Rows, commons_id: bytes) -> tuple[bytes, ...]:
    """Those who gave to a commons or used it, ascending."""
    found: list[bytes] = []
    for key, _ in members.scan(rows, "commons_entry", commons_id):
        actor = key[: len(key) // 2]
        if not found or found[-1] != actor:
            found.append(actor)
    return tuple(found)

"""A batch that is counted at once leaves the same rows as one whose records are judged one by one."""

from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.entry import Entry
from p2pnode.economy import agreement, alike, batch
from p2pnode.economy.agreement import Clause, Limit
from p2pnode.vocabulary import end_block, execute_entry
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, PEOPLE, Market, measure
from tests.vectors.cases.material import first_entry

AMOUNTS = st.tuples(st.integers(1, 60), st.sampled_from((0, 0, 0, -1, -2))).map(
    lambda pair: list(pair) if pair[1] == 0 or pair[0] % 10 else [pair[0] + 1, pair[1]]
)
ODD = st.sampled_from(([0, 0], [-3, 0], [2**63 - 1, 0], [5, -18], [10, -1], "much", [1]))
HUGE = st.sampled_from(([5, -1], [1, 0], [10**18, 0], [2**61, 0]))
"""Four or more of them come near the bound of amounts, or beyond it."""
UNITS = st.sampled_from(("kilogram", "gram", "7"))
TIMES = st.sampled_from((1, -1, 2**60, True))


@st.composite
def _records(draw: st.DrawFn, name: str, unit: str) -> list[dict[str, Any]]:
    """Half of the time plain records; else some that do not hold, or say more than the others."""
    amounts = draw(st.sampled_from((AMOUNTS, AMOUNTS, HUGE)))
    is_plain = draw(st.booleans())
    records = []
    for number in range(draw(st.integers(alike.LEAST, 7))):
        record = {"performed_ms": number, name: [draw(amounts), unit]}
        if not is_plain:
            odd = draw(st.sampled_from(("", "", "", "amount", "unit", "time", "annex")))
            record[name] = [draw(ODD) if odd == "amount" else record[name][0], unit]
            record[name][1] = draw(UNITS) if odd == "unit" else unit
            record["performed_ms"] = draw(TIMES) if odd == "time" else number
            if odd == "annex":
                record["annex"] = bytes([number]) * draw(st.sampled_from((32, 31)))
        records.append(record)
    return records


def _market() -> tuple[Market, dict[str, bytes]]:
    """A group with a promise that binds its receiver, an agreement with a limit, and somebody outside."""
    market = Market()
    need = market.intent(BOB, "request", "transfer", resource_conforms_to="bread")
    said = {"resource_conforms_to": "bread", "resource_quantity": measure("200 kilogram")}
    promise = market.promise(ALICE, "transfer", receiver=IDS[BOB], satisfies=need, **said)
    clauses = (
        Clause("transfer", IDS[ALICE], IDS[BOB], **said),
        Clause("work", IDS[BOB], IDS[ALICE], effort_quantity=measure("10 hour")),
    )
    limits = (Limit(IDS[BOB], taken=measure("90 kilogram")),)
    terms = market.terms(*clauses, limits=limits)
    proposed = market.propose_agreement(ALICE, terms)
    answer = agreement.ANSWER.encode(agreement.Answer(proposed, terms.hash, True))
    market.write(BOB, agreement.ANSWER_TYPE, answer)
    named = {"promise": promise, "clause": agreement.clause_id(proposed, 0), "group": market.group}
    named["outsider"] = market.outsider(ALICE, "Shop")
    # What was given before, so that a sum may leave the bounds of amounts though a batch alone does not.
    bread = {"fulfills": promise, "receiver": IDS[BOB], "resource_conforms_to": "bread"}
    market.record(ALICE, "transfer", much="0.5 kilogram", **bread)
    market.end_block()
    return market, named


KINDS = st.sampled_from(
    ("promise", "clause", "clause", "group", "outsider", "consume", "contribution", "stranger", "use")
)


def _shared(kind: str, named: dict[str, bytes]) -> tuple[str, dict[str, Any], str, str]:
    """The type, what all records say, and the name and unit of their amounts."""
    kilos = ("resource_quantity", "kilogram")
    bread = {"action": "transfer", "resource_conforms_to": "bread"}
    match kind:
        case "promise" | "clause":
            return ("event.record", {**bread, "receiver": IDS[BOB], "fulfills": named[kind]}, *kilos)
        case "group":
            work = {"action": "work", "receiver": named["group"], "stream": "care"}
            return ("event.record", work, "effort_quantity", "hour")
        case "outsider":
            return ("event.record", {**bread, "receiver": named["outsider"]}, *kilos)
        case "consume":
            return ("event.record", {"action": "consume"}, *kilos)
        case "stranger":
            return ("event.record", {**bread, "receiver": IDS[CAROL]}, *kilos)
        case "use":
            return ("event.record", {**bread, "action": "use", "fulfills": named["promise"]}, *kilos)
    said = {**bread, "action": "produce", "in_scope_of": "bakery", "stream": "commons"}
    return ("contribution", said, *kilos)


@pytest.fixture(scope="module")
def scene() -> tuple[Market, dict[str, bytes]]:
    return _market()


def _entry(
    market: Market, number: int, type_: str, shared: dict[str, Any], records: list[dict[str, Any]]
) -> Entry:
    """A batch of Alice's. Shapes: the number tells it from others that say the same."""
    payload = codec.encode({"records": records, "shared": shared, "type": type_})
    time_ms = market.now_ms + number
    return first_entry(PEOPLE[ALICE], batch.BATCH_TYPE, payload, group=market.founding.group, time_ms=time_ms)


def _after(market: Market, entries: Sequence[Entry], least: int) -> tuple[Any, dict[bytes, bytes | None]]:
    """What a block of some entries does, with so many records at least counted at once."""
    state = State(market.state)
    with mock.patch.object(alike, "LEAST", least):
        rules = [execute_entry(state, entry, market.context) for entry in entries]
    end_block(state, market.context)
    return rules, state.changes()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_j13_counting_a_batch_at_once_changes_nothing_but_the_time_it_takes(
    scene: tuple[Market, dict[str, bytes]], data: st.DataObject
) -> None:
    market, named = scene
    entries = []
    for number in range(data.draw(st.integers(1, 3))):
        type_, shared, name, unit = _shared(data.draw(KINDS), named)
        entries.append(_entry(market, number, type_, shared, data.draw(_records(name, unit))))
    assert _after(market, entries, 4) == _after(market, entries, 1000)


def test_plain_batches_are_counted_at_once(scene: tuple[Market, dict[str, bytes]]) -> None:
    market, named = scene
    for kind, is_at_once in (("promise", True), ("contribution", True), ("stranger", False), ("use", False)):
        type_, shared, name, unit = _shared(kind, named)
        records = [{"performed_ms": number, name: [[1, 0], unit]} for number in range(5)]
        held = batch.decode(batch.encode(type_, shared, records))
        state = State(market.state)
        done = alike.let_stand_together(state, held, IDS[ALICE], bytes(32), 7, market.context)
        assert done is is_at_once, kind
        assert bool(state.changes()) is is_at_once


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        # Beyond what may be promised, after what was given before.
        ("promise", [[10**18, 0]] * 5),
        # The whole has an amount, but not what has come together on the way there.
        ("outsider", [[5, -1], [10**18, 0], [5, -1], [1, 0]]),
    ],
)
def test_sums_beyond_all_bounds_are_judged_one_by_one(
    scene: tuple[Market, dict[str, bytes]], kind: str, amounts: list[list[int]]
) -> None:
    market, named = scene
    type_, shared, name, unit = _shared(kind, named)
    records = [{"performed_ms": 1, name: [amount, unit]} for amount in amounts]
    entries = [_entry(market, 0, type_, shared, records)]
    assert _after(market, entries, 4) == _after(market, entries, 1000)

"""A batch that is counted at once leaves the same rows as one whose records are judged one by one."""

from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.economy import agreement, alike, batch
from p2pnode.economy.agreement import Clause, Limit
from p2pnode.vocabulary import end_block, execute_entry
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, PEOPLE, Market, measure
from tests.vectors.cases.material import first_entry

AMOUNTS = st.tuples(st.integers(1, 60), st.sampled_from((0, 0, 0, -1, -2))).map(
    lambda pair: list(pair) if pair[1] == 0 or pair[0] % 10 else [pair[0] + 1, pair[1]]
)
ODD = st.sampled_from(([0, 0], [-3, 0], [2**63 - 1, 0], [5, -18], [10, -1], "much", [1]))
UNITS = st.sampled_from(("kilogram",) * 12 + ("gram",))
TIMES = st.sampled_from((1,) * 12 + (-1, 2**60))


@st.composite
def _records(draw: st.DrawFn, name: str, unit: str) -> list[dict[str, Any]]:
    """Mostly plain records; now and then one that does not hold, or says more than the others."""
    records = []
    for number in range(draw(st.integers(alike.LEAST, 7))):
        amount = draw(AMOUNTS) if draw(st.integers(0, 12)) else draw(ODD)
        found_unit = unit if draw(st.integers(0, 12)) else draw(UNITS)
        record = {"performed_ms": draw(TIMES) + number, name: [amount, found_unit]}
        if not draw(st.integers(0, 15)):
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
    market.end_block()
    return market, named


KINDS = st.sampled_from(
    ("promise", "clause", "group", "outsider", "consume", "contribution", "stranger", "use")
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


def _after(market: Market, entry: Any, least: int) -> tuple[Any, dict[bytes, bytes | None]]:
    state = State(market.state)
    with mock.patch.object(alike, "LEAST", least):
        rule = execute_entry(state, entry, market.context)
    end_block(state, market.context)
    return rule, state.changes()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_j13_counting_a_batch_at_once_changes_nothing_but_the_time_it_takes(
    scene: tuple[Market, dict[str, bytes]], data: st.DataObject
) -> None:
    market, named = scene
    type_, shared, name, unit = _shared(data.draw(KINDS), named)
    records = data.draw(_records(name, unit))
    payload = codec.encode({"records": records, "shared": shared, "type": type_})
    entry = first_entry(
        PEOPLE[ALICE], batch.BATCH_TYPE, payload, group=market.founding.group, time_ms=market.now_ms
    )
    assert _after(market, entry, 4) == _after(market, entry, 1000)


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

"""What would be void is shown before a block says so (J37); what is said twice in haste is asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.core.events import Append, Item
from p2pnode.describing import Describer
from p2pnode.economy import promising
from p2pnode.economy.measure import Measure
from p2pnode.economy.promising import COMMITMENT, COMMITMENT_TYPE, INTENT, INTENT_TYPE, Commitment, Intent
from p2pnode.governance.tables import speaker_of
from p2pnode.service.economy_rules import ECONOMY_RULES
from p2pnode.service.foreseeing import write_rules
from p2pnode.service.provisional import Provisional
from p2pnode.service.saying_twice import refuse_again
from p2pnode.service.viewing import GroupView
from tests.unit.node.council import Council

_HOURS = Measure((2, 0), "hour")


def _write(council: Council, name: str, type_: str, payload: bytes) -> bytes:
    entries = council[name].ask(Append(1, council.group, (Item(type_, payload),)), council.now_ms)
    return bytes(entries[0].id)


def _view(council: Council, name: str) -> GroupView:
    machine = council[name]
    log = machine.node.logs[council.group]
    describer = Describer(log.file, log.state, machine.key)
    return GroupView(council.group, log.file, describer, machine.key, council.now_ms, Provisional())


def _take(council: Council, name: str, offer: bytes) -> bytes:
    """Take up an offer of alice."""
    ids = []
    for who in ("alice", name):
        found = speaker_of(_view(council, name).rows, council[who].key)
        assert found is not None
        ids.append(found[0])
    said = Commitment("work", effort_quantity=_HOURS, provider=ids[0], receiver=ids[1], satisfies=offer)
    return _write(council, name, COMMITMENT_TYPE, COMMITMENT.encode(said))


def test_j37_who_came_second_learns_it_before_the_block(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol"))
    said = Intent("offer", "work", effort_quantity=_HOURS)
    offer = _write(council, "alice", INTENT_TYPE, INTENT.encode(said))
    council.meet("alice", "bob", "carol")
    taken = {name: _take(council, name, offer) for name in ("bob", "carol")}
    for name, entry_id in taken.items():
        assert _rules(council, name, entry_id) == [None], "alone it holds"
    council.meet("alice", "bob", "carol")
    for name in ("alice", "bob", "carol"):
        rules = _rules(council, name, *taken.values())
        assert sorted(rules, key=str) == [None, "intent.closed"]
    assert ECONOMY_RULES["intent.closed"][1], "there is a remedy"


def _rules(council: Council, name: str, *entry_ids: bytes) -> list[str | None]:
    view = _view(council, name)
    rows = [view.describer.details(entry_id.hex())[0]["row"] for entry_id in entry_ids]
    assert all(row["state"] in ("signed", "acknowledged") for row in rows)
    write_rules(view, rows)
    return [row["rule"] for row in rows]


def test_the_same_promise_twice_is_asked_about(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob"))
    other = speaker_of(_view(council, "alice").rows, council["bob"].key)
    assert other is not None
    said = COMMITMENT.encode(Commitment("work", effort_quantity=_HOURS, receiver=other[0]))
    refuse_again(_view(council, "alice"), COMMITMENT_TYPE, said)
    promise = _write(council, "alice", COMMITMENT_TYPE, said)
    again = COMMITMENT.encode(Commitment("work", annex=bytes(32), effort_quantity=_HOURS, receiver=other[0]))
    for words in (said, again):
        with pytest.raises(UsageError) as refused:
            refuse_again(_view(council, "alice"), COMMITMENT_TYPE, words)
        assert refused.value.rule == "economy.said_already"
    refuse_again(_view(council, "bob"), COMMITMENT_TYPE, said)
    council.meet("alice", "bob")
    release = promising.RELEASE.encode(promising.Reference(promise))
    _write(council, "bob", promising.RELEASE_TYPE, release)
    council.meet("alice", "bob")
    refuse_again(_view(council, "alice"), COMMITMENT_TYPE, said)

"""A device that was away when its membership ended learns it from a row that a member proves (J23)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pnode.chain import levelling, parting
from p2pnode.chain.parting import Parting, parting_in
from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import Proof, RowProof, decode_proof, encode_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import prove
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Alert, Append, Effect, Item, LevelAnswered, Penalize
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import ballot, devices, joining, proposal, tables
from p2pnode.governance.ballot import Ballot
from p2pnode.governance.devices import Revoke
from p2pnode.governance.inception import Inception, recovery_commitment_of
from p2pnode.governance.invitation import parse_link
from p2pnode.governance.proposal import Proposal
from p2pnode.replication.level import BlocksWanted, ChunkWanted, FinalWanted
from p2pnode.service import levels
from tests.unit.node.council import Council
from tests.unit.node.test_levelling import LIAR, next_of, reading
from tests.unit.node.world import DAY_MS, Machine

FOUR = ("alice", "bob", "carol", "dave")
THREE = FOUR[:3]
Value = Any
_QUICK = {"early": True, "grace_hours": 0, "quorum": [1, 2], "rule": "majority", "window_hours": 1}


def founded(folder: Path) -> Council:
    rules = dict.fromkeys(("default", "remove", "admit"), _QUICK)
    settings = {"checkpoint_entries": 1, "hearing_hours": 0, "ballot_grace_hours": 0, "decisions": rules}
    council = Council(folder, FOUR, **settings)
    council["alice"].write(council.group, "first", council.now_ms)
    council.meet(*FOUR)
    assert council.tip("dave") > 0
    return council


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


def member_id(council: Council, name: str) -> bytes:
    found = council["alice"].node.logs[council.group].state.member_of(council[name].key)
    assert found is not None
    return bytes(found.id)


def write(council: Council, name: str, type_: str, payload: bytes) -> bytes:
    entries = council[name].ask(Append(1, council.group, (Item(type_, payload),)), council.now_ms)
    return bytes(entries[0].id)


def decide(council: Council, kind: str, subject: dict[str, Value]) -> None:
    """Let the three vote for something, and wait until it is carried out."""
    opened = write(council, "alice", proposal.OPEN_TYPE, proposal.encode_open(Proposal(kind, subject)))
    council.meet(*THREE)
    for name in THREE:
        write(council, name, ballot.CAST_TYPE, ballot.encode_cast(Ballot(opened, "yes")))
    council.meet(*THREE)
    council.wait(1)
    council.meet(*THREE)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Council:
    """A group that removed dave while he was away, kept for copies: to decide takes longer than a test."""
    council = founded(tmp_path_factory.mktemp("removed"))
    decide(council, "remove", {"member": member_id(council, "dave")})
    row = tables.member(council["alice"].node.logs[council.group].file.chain, member_id(council, "dave"))
    assert row is not None
    assert row.status == "removed"
    close(council)
    return council


def copied(template: Council, folder: Path) -> Council:
    """A copy of a group whose machines are closed, started."""
    council = copy(template)
    council.machines = {}
    for name, machine in template.machines.items():
        shutil.copytree(machine.folder, folder / name)
        council.machines[name] = Machine(folder, name)
        council[name].node.start(is_restored=False)
    return council


@pytest.fixture
def council(template: Council, tmp_path: Path) -> Iterator[Council]:
    council = copied(template, tmp_path)
    yield council
    close(council)


def own_wanted(council: Council, name: str = "dave") -> FinalWanted:
    wanted = next_of(council[name], council.group, is_fresh=True).wanted
    assert isinstance(wanted, FinalWanted)
    return wanted


def shown(council: Council, wanted: FinalWanted | None = None) -> Value:
    """What alice answers dave."""
    with reading(council["alice"], council.group) as queries:
        return levels.answer_to_gone(queries, wanted or own_wanted(council), council["dave"].key)


def tell(council: Council, answer: Value, wanted: FinalWanted | None = None) -> list[Effect]:
    event = LevelAnswered(1, council.group, LIAR, wanted or own_wanted(council), answer)
    return council["dave"].handle(event, council.now_ms)


def faults(effects: list[Effect]) -> list[str]:
    return [effect.rule for effect in effects if isinstance(effect, Penalize)]


def alerts(effects: list[Effect]) -> list[Alert]:
    return [effect for effect in effects if isinstance(effect, Alert)]


def known(council: Council) -> Parting | None:
    """What dave's node knows, the same in memory and for who reads its file."""
    log = council["dave"].node.logs[council.group]
    with reading(council["dave"], council.group) as queries:
        assert parting_in(queries) == log.level.parting
    return log.level.parting


def refused(council: Council) -> UsageError | None:
    log = council["dave"].node.logs[council.group]
    return council["dave"].node.refusal(log, council.now_ms, is_voting=False)


def test_j23_who_was_removed_while_away_learns_it(council: Council) -> None:
    height = council.tip("dave")
    assert refused(council) is None
    effects = tell(council, shown(council))
    (alert,) = alerts(effects)
    assert alert.rule == "member.parted"
    assert alert.facts == {"group": council.group.hex(), "height": str(council.tip("alice"))}
    assert f"removed you, as block {council.tip('alice')} says" in alert.message
    assert not faults(effects)
    found = known(council)
    assert found is not None
    assert (found.height, found.status) == (council.tip("alice"), "removed")
    refusal = refused(council)
    assert refusal is not None
    assert refusal.rule == "member.not_one"
    assert "removed" in refusal.message
    with pytest.raises(UsageError, match="removed"):
        council["dave"].write(council.group, "afterwards", council.now_ms)
    assert council.tip("dave") == height, "it follows no chain that is not for it"
    assert own_wanted(council).height == height, "it goes on asking, because it may be let in again"


def test_it_is_known_after_a_restart_and_told_again(council: Council) -> None:
    tell(council, shown(council))
    before = known(council)
    told = alerts(council["dave"].restart())
    assert [alert.rule for alert in told] == ["member.parted"]
    assert known(council) == before
    assert refused(council) is not None
    assert tell(council, shown(council))[1:] == [], "it is no news"


def test_who_is_gone_casts_no_vote_on_a_block(council: Council) -> None:
    dave = council["dave"]
    log = dave.node.logs[council.group]
    assert dave.node.refusal(log, council.now_ms, is_voting=True) is None
    tell(council, shown(council))
    refusal = dave.node.refusal(log, council.now_ms, is_voting=True)
    assert refusal is not None
    assert refusal.rule == "member.not_one"


def test_far_behind_no_snapshot_is_begun(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", 4)
    for number in range(levelling.BEHIND_BLOCKS_MIN):
        council["alice"].write(council.group, str(number), council.now_ms)
        council.meet(*THREE)
    assert council.tip("alice") - council.tip("dave") > levelling.BEHIND_BLOCKS_MIN
    tell(council, shown(council))
    assert known(council) is not None
    assert council["dave"].node.logs[council.group].level.target() is None
    wanted = next_of(council["dave"], council.group).wanted
    assert isinstance(wanted, BlocksWanted), "it reads on by the log itself"


def test_a_part_of_a_long_way_shows_no_row(council: Council) -> None:
    answer = shown(council)
    assert faults(tell(council, {**answer, "more": True})) == ["level.other_start"]
    assert known(council) is None
    cut_off = with_proof(answer, row=None)
    assert faults(tell(council, {**cut_off, "more": True})) == []
    assert own_wanted(council).height == council.tip("alice"), "asked on from there"


# ---- whose key or membership ended otherwise


def test_j25_who_was_revoked_while_away_learns_it(tmp_path: Path) -> None:
    council = founded(tmp_path)
    dave = council["dave"].key
    revoke = Revoke(DeviceKey(dave), ((0, -1),))
    recovery = council.recovery[dave]
    signed = replace(
        revoke, recovery=(recovery.public, devices.sign_revocation(recovery, council.group, revoke))
    )
    write(council, "alice", devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(signed))
    council.meet(*THREE)
    tell(council, shown(council))
    found = known(council)
    assert found is not None
    assert found.status == "revoked"
    close(council)


# ---- who is shown it


def test_only_who_is_gone_is_shown_its_row(council: Council) -> None:
    with reading(council["alice"], council.group) as queries:
        for key in (council["bob"].key, LIAR):
            with pytest.raises(UsageError) as caught:
                levels.answer_to_gone(queries, FinalWanted(0, council.group), key)
            assert caught.value.rule == "query.members_only"
        root = decode_header(queries.chain.blocks(1, 1)[0].header).state_root
        with pytest.raises(UsageError) as caught:
            levels.answer_to_gone(queries, ChunkWanted(root, None), council["dave"].key)
        assert caught.value.rule == "query.members_only"
    proof = decode_proof(shown(council)["proof"])
    assert proof.row is not None
    assert proof.row.key == row_key("member", member_id(council, "dave")), "its own row and no other"


def test_who_is_gone_and_still_votes_follows_the_log_instead(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shown(council)
    monkeypatch.setattr(parting, "_is_voter", lambda configuration, key: key == council["dave"].key)
    with pytest.raises(UsageError) as caught:
        shown(council)
    assert caught.value.rule == "query.members_only"
    assert faults(tell(council, answer)) == ["level.other_row"], "nor is it shown by a liar"
    assert known(council) is None


# ---- those who lie


def own_row(council: Council, name: str = "dave") -> RowProof:
    """The row of a member under the last block."""
    with reading(council["alice"], council.group) as queries:
        tip = queries.chain.tip()
        assert tip is not None
        root = decode_header(tip.header).state_root
        key = row_key("member", member_id(council, name))
        return RowProof(key, queries.chain.get(key), prove(root, key, queries.chain.trie_node))


def with_proof(answer: Value, **changes: Any) -> Value:
    proof: Proof = replace(decode_proof(answer["proof"]), **changes)
    return {"more": False, "proof": encode_proof(proof)}


def test_rows_that_say_something_else_are_refused(council: Council) -> None:
    answer = shown(council)
    own = own_row(council)
    assert own.value is not None
    others = own_row(council, "alice")
    assert faults(tell(council, with_proof(answer, row=others))) == ["level.other_row"]
    value = codec.decode(own.value)
    altered = replace(own, value=codec.encode([value[0], "left", *value[2:]]))
    assert faults(tell(council, with_proof(answer, row=altered))) == ["proof.other_root"]
    absent = replace(own, value=None)
    assert faults(tell(council, with_proof(answer, row=absent))) == ["proof.other_root"]
    elsewhere = replace(own, key=others.key)
    assert faults(tell(council, with_proof(answer, row=elsewhere))) == ["proof.other_root"]
    assert known(council) is None
    assert refused(council) is None


def test_nobody_is_talked_out_of_a_membership_that_goes_on(tmp_path: Path) -> None:
    council = founded(tmp_path)
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet(*THREE)
    with reading(council["alice"], council.group) as queries:
        plain = levels.answer_to(queries, own_wanted(council))
    assert faults(tell(council, with_proof(plain, row=own_row(council)))) == ["level.other_row"]
    value = codec.decode(own_row(council).value or b"")
    gone = replace(own_row(council), value=codec.encode([value[0], "removed", *value[2:]]))
    assert faults(tell(council, with_proof(plain, row=gone))) == ["proof.other_root"]
    assert known(council) is None
    close(council)


def test_a_way_that_voters_did_not_sign_shows_nothing(council: Council) -> None:
    answer = shown(council)
    links = decode_proof(answer["proof"]).links
    last = links[-1]
    forged = replace(
        last.final.certificate, signatures=tuple(bytes(64) for _ in last.final.certificate.signatures)
    )
    unsigned = replace(last, final=replace(last.final, certificate=forged))
    assert faults(tell(council, with_proof(answer, links=(*links[:-1], unsigned)))) == [
        "certificate.bad_signature"
    ]
    assert faults(tell(council, with_proof(answer, links=links[-1:])))[0] in (
        "certificate.other_configuration",
        "level.no_parent",
    )
    own_start = FinalWanted(own_wanted(council).height, sha256(b"another block"))
    assert faults(tell(council, answer, own_start)) == ["level.other_start"]
    assert known(council) is None


def test_an_older_block_says_nothing_new(council: Council) -> None:
    old = shown(council)
    council["bob"].write(council.group, "later", council.now_ms)
    council.meet(*THREE)
    tell(council, shown(council))
    before = known(council)
    assert tell(council, old)[1:] == []
    assert known(council) == before


# ---- the way back


def test_who_is_let_in_again_writes_again(council: Council) -> None:
    alice, dave = council["alice"], council["dave"]
    tell(council, shown(council))
    link = parse_link(alice.link(council.group, expiry_ms=council.now_ms + 30 * DAY_MS))
    inception = Inception(
        DeviceKey(dave.key), recovery_commitment_of(council.recovery[dave.key].public), sha256(b"annex")
    )
    asked = write(council, "dave", joining.JOIN_TYPE, joining.encode(joining.join_by(link, inception)))
    assert known(council) is not None
    dave.give(alice, council.group, council.now_ms)
    council.meet(*THREE)
    decide(council, "admit", {"join": asked})
    assert alice.node.logs[council.group].state.standing(dave.key) == "member"
    council.meet(*FOUR)
    assert council.tip("dave") == council.tip("alice")
    assert known(council) is None
    assert refused(council) is None
    council["dave"].write(council.group, "back again", council.now_ms)
    assert alerts(council["dave"].restart()) == []

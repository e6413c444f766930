"""What a stranger, a newcomer or a member may try against a node, and what the node does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from p2pnode import group_log
from p2pnode.core.codec import encode
from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256
from p2pnode.core.entry import Entry, Header, check_alone, decode_header, payload_fields, sign_entry
from p2pnode.core.errors import StoreError, UsageError
from p2pnode.core.events import (
    Forget,
    ForkShown,
    HeaderFound,
    HeaderWanted,
    HeadsConfirmed,
    JoinAsked,
    Leave,
    Moved,
    Penalize,
    Reply,
    Woke,
)
from p2pnode.governance import leaving, tables
from p2pnode.governance.invitation import encode_link
from p2pnode.governance.joining import JOIN_TYPE
from p2pnode.governance.state import GroupState, state_of
from p2pnode.node import Admission
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.serving import GroupReader
from tests.unit.node.test_rulings import crafted, fork_of, framed, pair
from tests.unit.node.world import DAY_MS, NOW_MS, Machine

MachineOf = Callable[[str], Machine]


def typed(
    seed: bytes, group: bytes, seq: int, prev: bytes, *, type_: str, payload: bytes, lane: int, depth: int
) -> Entry:
    key = SigningKey(seed)
    fields = payload_fields(payload)
    header = Header(1, group, key.public, lane, seq, prev, depth, NOW_MS + seq, (), type_, *fields)
    return sign_entry(key, header, payload)


def packed(entry: Entry) -> tuple[bytes, bytes, bytes]:
    return (entry.header_bytes, entry.signature or b"", entry.payload or b"")


def knock(member: Machine, newcomer: bytes, group: bytes, entries: list[Entry]) -> Admission:
    answer = member.ask(JoinAsked(1, group, newcomer, tuple(packed(entry) for entry in entries), ()))
    assert isinstance(answer, Admission)
    return answer


def test_j21_who_waits_for_people_may_ask_again_and_is_told_the_same(machine: MachineOf) -> None:
    founder, newcomer = machine("founder"), machine("newcomer")
    group = founder.found(admission="sponsors")
    prepared = newcomer.prepare(founder.link(group, rule="sponsors"))
    first = newcomer.knock(founder, prepared)
    assert (first.state, first.rule) == ("petition", "join.needs_sponsors")
    join_id = check_alone(*prepared.entries[-1]).id
    assert founder.node.logs[group].chain.tip.height == 1
    assert tables.petition(founder.node.logs[group].state.final, join_id), (
        "a block has used the invitation up"
    )
    again = newcomer.knock(founder, newcomer.prepare(encode_link(prepared.link)), NOW_MS + 30 * DAY_MS)
    assert (again.state, again.rule) == ("petition", "join.needs_sponsors")


@pytest.mark.parametrize("fault", ["twice", "hole", "other author", "other group", "other lane", "loose"])
def test_j21_a_newcomer_hands_in_one_chain_and_nothing_else(machine: MachineOf, fault: str) -> None:
    alice, bob = machine("alice"), machine("bob")
    group = alice.found()
    other = alice.found("Other")
    prepared = bob.prepare(alice.link(group))
    join = sign_entry(SigningKey(bob.seed), decode_header(prepared.entries[0][0]), prepared.entries[0][2])
    seq, prev, seed, in_group, lane = {
        "twice": (0, ZERO_HASH, bob.seed, group, 0),
        "hole": (5, b"p" * 32, bob.seed, group, 0),
        "other author": (1, join.id, b"e" * 32, group, 0),
        "other group": (1, join.id, bob.seed, other, 0),
        "other lane": (1, join.id, bob.seed, group, 2),
        "loose": (1, b"p" * 32, bob.seed, group, 0),
    }[fault]
    second = crafted(seed, in_group, seq, prev, depth=1, time_ms=NOW_MS + 1, lane=lane)
    third = crafted(bob.seed, group, 2, second.id, depth=2, time_ms=NOW_MS + 2)
    for entries in ([join, second], [join, second, third]):
        answer = knock(alice, bob.key, group, entries)
        rule = "join.other_device" if fault == "other author" else "join.bad_chain"
        assert (answer.state, answer.rule) == ("void", rule)
    assert alice.node.logs[group].lane(bob.key, 0) is None
    alice.write(group)


def test_j1_a_founding_entry_handed_in_as_a_join_is_not_stored(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    founding = alice.node.logs[group].founding
    answer = knock(alice, alice.key, group, [founding])
    assert answer.state == "void"
    assert alice.write(group).header.seq == 0


def test_j21_who_hands_in_the_entries_of_another_device_is_told_nothing(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    stored = bob.node.logs[group].lane(bob.key, 0)
    assert stored is not None
    held = bob.node.logs[group].file.entries(stored.number, 0, 0)[0]
    fields = (held.header, held.signature or b"", held.payload or b"")
    answer = alice.ask(JoinAsked(1, group, b"9" * 32, (fields,), ()))
    assert (answer.state, answer.rule) == ("void", "join.other_device")


def test_j15_annexes_that_no_entry_names_are_not_kept(machine: MachineOf) -> None:
    alice, bob = machine("alice"), machine("bob")
    group = alice.found()
    prepared = bob.prepare(alice.link(group))
    junk = bytes(range(32)) + encode({"name": "x"})
    assert alice.ask(JoinAsked(1, group, bob.key, prepared.entries, (*prepared.annexes, junk))).state
    kept = alice.node.logs[group].file
    assert kept.annexes([sha256(prepared.annexes[0])]) == [prepared.annexes[0]]
    assert kept.annexes([sha256(junk)]) == []


@pytest.mark.parametrize("type_", [leaving.LEAVE_TYPE, JOIN_TYPE])
@pytest.mark.parametrize("lane", [1, 2])
def test_j14_a_governed_type_in_another_lane_changes_nothing_and_gives_no_duty(
    machine: MachineOf, type_: str, lane: int
) -> None:
    alice, bob, group = pair(machine)
    payload = leaving.encode(leaving.Leave())
    entry = typed(bob.seed, group, 0, ZERO_HASH, type_=type_, payload=payload, lane=lane, depth=0)
    assert alice.receive(group, framed([entry]), bob.key).stored == 1
    before = alice.node.logs[group].frontier.changed
    moved = [effect for _ in range(5) for effect in alice.handle(Woke()) if isinstance(effect, Moved)]
    assert len(moved) <= 1, "the voter writes one acknowledgement at most"
    assert alice.node.logs[group].frontier.changed <= before + 1
    assert alice.node.logs[group].state.standing(bob.key) == "member"


def test_j17_a_voter_does_not_go_on_acknowledging_a_forked_lane(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    payload = leaving.encode(leaving.Leave())
    leave = typed(bob.seed, group, 1, lane.id, type_=leaving.LEAVE_TYPE, payload=payload, lane=0, depth=1)
    bob.receive(group, framed([leave]), bob.key)
    _, _, proof = fork_of(bob, group)
    alice.handle(ForkShown(1, group, bob.key, proof))
    assert alice.receive(group, framed([leave]), bob.key).stored == 1
    before = alice.node.logs[group].frontier.changed
    for _ in range(5):
        alice.handle(Woke())
    assert alice.node.logs[group].frontier.changed == before


def test_members_pay_once_for_many_governed_entries_in_a_run(
    machine: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, group = pair(machine)
    lane = alice.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    prev, entries = lane.id, []
    for seq in range(1, 41):
        payload = leaving.encode(leaving.Leave())
        entry = typed(
            bob.seed, group, seq, prev, type_=leaving.LEAVE_TYPE, payload=payload, lane=0, depth=seq
        )
        prev = entry.id
        entries.append(entry)
    folds: list[int] = []

    def counted(*args: Any) -> GroupState:
        folds.append(1)
        return state_of(*args)

    monkeypatch.setattr(group_log, "state_of", counted)
    assert alice.receive(group, framed(entries), bob.key).stored == 40
    assert len(folds) <= 4


def test_one_event_with_bad_bytes_leaves_its_neighbours_alone(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    bob.write(group)
    good = bob.frame(group, bob.key, first=1)
    assert alice.receive(group, b"\xff", bob.key).refused == "run.bad_frame"
    assert Penalize(bob.key, "run.bad_frame") in alice.effects
    assert alice.receive(group, good, bob.key).stored == 1


def proof_at(machine: Machine, seed: bytes, group: bytes, lane: int, seq: int) -> bytes:
    """The proof that an author signed another entry in the place of one that a machine holds."""
    state = machine.node.logs[group].lane(SigningKey(seed).public, lane)
    assert state is not None
    held = machine.node.logs[group].file.entries(state.number, seq, seq)[0]
    header = decode_header(held.header)
    other = sign_entry(SigningKey(seed), header._replace(type="other"), held.payload or b"")
    branches = (
        Branch((held.header,), held.signature or b""),
        Branch((other.header_bytes,), other.signature or b""),
    )
    return encode_fork_proof(*branches)


def test_j17_a_lane_ends_at_its_lowest_fork_in_whatever_order_the_proofs_come(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    carol, dora = machine("carol"), machine("dora")
    for node in (carol, dora):
        node.join(alice, group)
    for number in range(4):
        bob.write(group, str(number), NOW_MS + number)
        bob.write(group, str(number), NOW_MS + number, lane=2)
    bob.give(alice, group, NOW_MS + 9)
    for node in (carol, dora):
        alice.give(node, group, NOW_MS + 9)
    places = [(0, 4), (0, 2), (2, 3), (2, 0), (0, 3)]
    proofs = [proof_at(alice, bob.seed, group, lane, seq) for lane, seq in places]
    for proof in proofs:
        dora.handle(ForkShown(1, group, ZERO_HASH, proof))
    for proof in reversed(proofs):
        carol.handle(ForkShown(1, group, ZERO_HASH, proof))
    for node in (dora, carol):
        heads = node.node.logs[group].frontier.heads
        assert (heads[bob.key, 0].seq, heads[bob.key, 0].forked) == (1, True)
        assert (heads[bob.key, 2].seq, heads[bob.key, 2].forked) == (-1, True)
    assert dora.digest(group) == carol.digest(group)
    dora.restart()
    assert dora.digest(group) == carol.digest(group)


def test_j17_a_fork_at_the_first_entry_counts_where_no_entry_is_held(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    bob.write(group, lane=2)
    proof = proof_at(bob, bob.seed, group, 2, 0)
    bob.handle(ForkShown(1, group, ZERO_HASH, proof))
    alice.handle(ForkShown(1, group, ZERO_HASH, proof))
    heads = [node.node.logs[group].frontier.heads[bob.key, 2] for node in (alice, bob)]
    assert heads[0]._replace(changed=0) == heads[1]._replace(changed=0)


def test_j17_who_shows_the_fork_of_a_stranger_is_not_blamed(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    alice.share(bob, group)
    carol = machine("carol")
    carol.join(bob, group)
    proof = proof_at(carol, carol.seed, group, 0, 0)
    effects = alice.handle(ForkShown(1, group, bob.key, proof))
    assert not [effect for effect in effects if isinstance(effect, Penalize)]
    assert effects[0] == Reply(1), "no rule that would end the session of an honest peer"
    assert not alice.node.logs[group].forked


def test_j14_who_names_an_entry_beyond_a_fault_waits_on_all_nodes(machine: MachineOf) -> None:
    """One node got the fault with its successors, one without them; both must deliver the same."""
    alice, bob, group = pair(machine)
    carol = machine("carol")
    carol.join(alice, group)
    alice.give(bob, group)
    alice.give(carol, group)
    lane = alice.node.logs[group].lane(bob.key, 0)
    accomplice = alice.node.logs[group].lane(carol.key, 0)
    assert lane is not None
    assert accomplice is not None
    poison = crafted(bob.seed, group, 1, lane.id, depth=7, time_ms=NOW_MS + 1)
    after = crafted(bob.seed, group, 2, poison.id, depth=8, time_ms=NOW_MS + 2)
    naming = crafted(
        carol.seed, group, accomplice.seq + 1, accomplice.id, depth=9, time_ms=NOW_MS + 3, acks=(after.id,)
    )
    dave = machine("dave")
    dave.join(alice, group)
    alice.give(dave, group)
    alice.receive(group, framed([poison, after]), bob.key)
    dave.receive(group, framed([poison]), bob.key)
    for node in (alice, dave):
        assert node.receive(group, framed([naming]), carol.key).stored == 1
        held = node.node.logs[group].lane(carol.key, 0)
        assert held is not None
        assert held.delivered == accomplice.seq


def test_j16_what_a_member_acknowledged_is_stored_whatever_became_of_its_author(machine: MachineOf) -> None:
    """Two newcomers use one link at two members: the later one's join is void, and yet it was acked."""
    alice, bob, group = pair(machine)
    link = alice.link(group, uses=1)
    carol, dave = machine("carol"), machine("dave")
    assert carol.knock(bob, carol.prepare(link)).state == "admitted"
    assert dave.knock(alice, dave.prepare(link)).state == "admitted"
    acking = bob.write(group, "i have seen carol", NOW_MS + 5)
    joined = bob.node.logs[group].lane(carol.key, 0)
    assert joined is not None
    assert joined.id in acking.header.acks
    bob.give(alice, group, NOW_MS + 9)
    held = alice.node.logs[group].lane(bob.key, 0)
    assert held is not None
    assert held.delivered == held.seq, "the lane of a member who saw another newcomer first goes on"
    assert alice.node.logs[group].state.standing(carol.key) is None
    assert alice.node.logs[group].state.standing(dave.key) == "member"


def test_j17_the_header_of_a_dead_branch_is_asked_for_when_no_lane_brings_it(machine: MachineOf) -> None:
    """Bob's key was used twice; carol built on one branch, and dave holds neither."""
    alice, bob, group = pair(machine)
    carol = machine("carol")
    carol.join(alice, group)
    alice.give(carol, group)
    for number in range(3):
        bob.write(group, str(number), NOW_MS + number)
    bob.give(carol, group, NOW_MS + 5)
    acking = carol.write(group, now_ms=NOW_MS + 6)
    tip = carol.node.logs[group].lane(bob.key, 0)
    assert tip is not None
    assert tip.id in acking.header.acks
    proof = proof_at(carol, bob.seed, group, 0, 1)
    dave = machine("dave")
    dave.join(alice, group)
    alice.give(dave, group)
    dave.handle(ForkShown(1, group, carol.key, proof))
    carol.handle(ForkShown(1, group, dave.key, proof))
    dave.receive(group, carol.frame(group, carol.key, first=1), carol.key, NOW_MS + 9)
    lane = dave.node.logs[group].lane(carol.key, 0)
    assert lane is not None
    assert lane.delivered < lane.seq
    while not any(isinstance(effect, HeaderWanted) for effect in dave.effects):
        dave.handle(Woke())
    assert HeaderWanted(group, tip.id) in dave.effects
    assert not [effect for effect in dave.handle(Woke()) if isinstance(effect, HeaderWanted)]
    other = crafted(bob.seed, group, 3, b"p" * 32, depth=3, time_ms=NOW_MS + 3)
    dave.handle(HeaderFound(group, other.header_bytes))
    dave.handle(HeaderFound(group, b"\xff"))
    lane = dave.node.logs[group].lane(carol.key, 0)
    assert lane is not None
    assert lane.delivered < lane.seq
    stored = carol.node.logs[group].file.entries(tip.number, tip.seq, tip.seq)[0]
    dave.handle(HeaderFound(group, stored.header))
    for _ in range(2):
        lane, theirs = (node.node.logs[group].lane(carol.key, 0) for node in (dave, carol))
        assert lane is not None
        assert theirs is not None
        assert (lane.delivered, lane.decided) == (lane.seq, theirs.decided)
        dave.restart()


def test_j34_own_entries_that_only_node_db_has_come_back_once_the_file_is_filled_again(
    machine: MachineOf,
) -> None:
    """The group's file is lost before it was put on disk: members fill it, and our last words follow."""
    alice, bob, group = pair(machine)
    bob.write(group, "one")
    bob.give(alice, group)
    bob.node.logs[group].file.settle(1)
    two = bob.write(group, "two", NOW_MS + 1)
    bob.node.node_file.close()
    bob.node.logs[group].file.close()
    for path in (bob.folder / "groups").glob("*.db*"):
        path.unlink()
    bob.start_again()
    bob.restart()
    assert group in bob.node.restored
    alice.give(bob, group)
    effects = bob.handle(HeadsConfirmed(group, alice.key))
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    assert lane.id == two.id
    moved = [head for effect in effects if isinstance(effect, Moved) for head in effect.heads]
    assert [(head.author, head.id) for head in moved] == [(bob.key, two.id)]
    assert bob.write(group, "three", NOW_MS + 2).header.prev == two.id


def test_j35_who_left_confirms_nothing(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    carol = machine("carol")
    carol.join(alice, group)
    alice.give(bob, group)
    bob.node.restored.add(group)
    carol.ask(Leave(1, group), NOW_MS + 5)
    for _ in range(2):
        carol.give(alice, group, NOW_MS + 6)
        alice.give(bob, group, NOW_MS + 6)
    assert bob.node.logs[group].state.standing(carol.key) == "removed"
    bob.handle(HeadsConfirmed(group, carol.key))
    assert group in bob.node.restored


def test_j36_a_group_that_was_being_deleted_does_not_come_back(
    machine: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob, group = pair(machine)

    def cut(group: bytes) -> None:
        raise StoreError("the power is cut", "")

    monkeypatch.setattr(bob.node.shelf, "delete", cut)
    with pytest.raises(StoreError):
        bob.handle(Forget(1, group))
    bob.node.node_file.close()
    bob.start_again()
    assert group not in bob.node.logs
    assert not list((bob.folder / "groups").glob("*.db*"))
    bob.restart()
    assert group not in bob.node.logs


def test_j11_annexes_that_do_not_exist_hide_none_that_do(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    real = b"\xee" * 32
    with alice.node.logs[group].change() as change:
        for number in range(50):
            change.transaction.want_annex(number.to_bytes(32, "big"), 0)
        change.transaction.want_annex(real, 0)
    file = alice.node.logs[group].file
    assert real not in file.wanted_annexes(50)
    assert file.wanted_annexes(2, b"\x80" * 32) == [real, bytes(32)]
    assert len(file.wanted_annexes(100, b"\x80" * 32)) == 51


def test_j36_readers_of_a_deleted_group_find_nothing_and_make_nothing(machine: MachineOf) -> None:
    _, bob, group = pair(machine)
    path = bob.folder / "groups" / f"{group.hex()}.db"
    reader = GroupReader(group, str(path))
    with reader.reading() as queries:
        bob.handle(Forget(1, group))
        reader.close()
        assert queries.entry_count() > 0
    with pytest.raises(UsageError), reader.reading():
        pass
    assert not path.exists()

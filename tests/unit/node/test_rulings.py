"""Rulings that the node keeps as a whole, each named after its number."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from p2pnode.core.codec import encode
from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256
from p2pnode.core.entry import Entry, Header, payload_fields, sign_entry
from p2pnode.core.errors import UsageError
from p2pnode.core.events import (
    Alert,
    Append,
    ClockHeard,
    ConfirmClock,
    CursorsNoted,
    Forget,
    ForkFound,
    ForkShown,
    HeadsConfirmed,
    Item,
    Penalize,
    SignatureFound,
    SignatureWanted,
    WakeAt,
    Woke,
)
from p2pnode.opening import run_of
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.replication.run import StoredEntry, encode_run, pack_runs
from p2pnode.store.group_file import position_of
from tests.unit.node.world import DAY_MS, NOW_MS, Machine

MachineOf = Callable[[str], Machine]


def crafted(
    seed: bytes,
    group: bytes,
    seq: int,
    prev: bytes,
    *,
    depth: int,
    time_ms: int = NOW_MS,
    acks: tuple[bytes, ...] = (),
    lane: int = 0,
    payload: bytes = b"\x01",
) -> Entry:
    key = SigningKey(seed)
    header = Header(
        1, group, key.public, lane, seq, prev, depth, time_ms, acks, "contribution", *payload_fields(payload)
    )
    return sign_entry(key, header, payload)


def framed(entries: list[Entry], checked: int = 1) -> bytes:
    first = entries[0].header
    stored = [StoredEntry(e.header_bytes, e.signature, e.payload, checked) for e in entries]
    run = encode_run(first.group, first.author, first.lane, first.seq, first.prev, stored)
    return pack_runs([run], compress=False)


def pair(machine: MachineOf) -> tuple[Machine, Machine, bytes]:
    """A founder and one member, in step."""
    alice, bob = machine("alice"), machine("bob")
    group = alice.found()
    bob.join(alice, group)
    alice.give(bob, group)
    return alice, bob, group


def test_j1_founder_starts_at_zero_and_acks_the_founding(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    first = alice.write(group)
    assert (first.header.seq, first.header.acks) == (0, (group,))
    assert first.header.depth == 1
    assert alice.node.logs[group].state.standing(alice.key) == "member"


def test_j1_one_key_founds_many_groups(machine: MachineOf) -> None:
    alice = machine("alice")
    assert alice.found("One") != alice.found("Two")
    assert not alice.node.logs[alice.found("Three")].forked


def test_j2_local_lane_acks_its_own_newer_open_head_and_open_acks_only_open(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    opened = bob.write(group, lane=2)
    local = bob.write(group)
    assert opened.id in local.header.acks
    bob.give(alice, group)
    answer = alice.write(group, lane=2)
    assert answer.header.acks == (opened.id,)


def test_j2_ack_only_entries_are_not_acked_for_their_own_sake(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    alice.give(bob, group)
    first = bob.write(group)
    bob.give(alice, group)
    assert first.header.acks == (), "the founder's only entry is the ack that admitted bob"


def test_j5_a_run_vouches_for_a_bad_signature_inside_it_and_nobody_is_blamed(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    for number in range(4):
        bob.write(group, str(number), NOW_MS + number)
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    entries = bob.node.logs[group].file.entries(lane.number, 1, lane.seq)
    spoiled = [entries[0], entries[1]._replace(signature=bytes(64)), *entries[2:]]
    joined = bob.node.logs[group].file.entries(lane.number, 0, 0)[0]
    run = encode_run(group, bob.key, 0, 1, sha256(joined.header), spoiled)
    answer = alice.receive(group, pack_runs([run], compress=False), bob.key)
    assert (answer.stored, answer.refused) == (4, None)
    assert not [effect for effect in alice.effects if isinstance(effect, Penalize)]
    while any(
        isinstance(effect, WakeAt) and effect.time_ms < NOW_MS + DAY_MS for effect in alice.handle(Woke())
    ):
        pass
    held = alice.node.logs[group].lane(bob.key, 0)
    assert held is not None
    stored = alice.node.logs[group].file.entries(held.number, 1, 4)
    assert [entry.signature is None for entry in stored] == [False, True, False, False]


def test_j5_a_lone_entry_with_a_bad_signature_blames_its_sender(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    lane = alice.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    entry = crafted(bob.seed, group, 1, lane.id, depth=1, time_ms=NOW_MS + 1)
    spoiled = StoredEntry(entry.header_bytes, bytes(64), entry.payload, 1)
    run = encode_run(group, bob.key, 0, 1, lane.id, [spoiled])
    answer = alice.receive(group, pack_runs([run], compress=False), bob.key, pushed=True)
    assert answer.refused == "entry.bad_signature"
    assert Penalize(bob.key, "entry.bad_signature") in alice.effects


def test_j7_a_run_that_ends_unverified_blames_its_sender(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    lane = alice.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    one = crafted(bob.seed, group, 1, lane.id, depth=1, time_ms=NOW_MS + 1)
    two = crafted(bob.seed, group, 2, one.id, depth=2, time_ms=NOW_MS + 2)
    stored = [StoredEntry(one.header_bytes, one.signature, one.payload, 1)]
    stored.append(StoredEntry(two.header_bytes, bytes(64), two.payload, 1))
    run = encode_run(group, bob.key, 0, 1, lane.id, stored)
    answer = alice.receive(group, pack_runs([run], compress=False), bob.key)
    assert (answer.stored, answer.refused) == (0, "run.unverified_tail")


@pytest.mark.parametrize(("depth", "time_ms"), [(5, NOW_MS + 1), (1, NOW_MS - 10)])
def test_j14_wrong_depth_or_time_ends_the_lane_and_rejects_nothing(
    machine: MachineOf, depth: int, time_ms: int
) -> None:
    alice, bob, group = pair(machine)
    lane = alice.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    poison = crafted(bob.seed, group, 1, lane.id, depth=depth, time_ms=time_ms)
    answer = alice.receive(group, framed([poison]), bob.key)
    assert (answer.stored, answer.refused) == (1, None)
    held = alice.node.logs[group].lane(bob.key, 0)
    assert held is not None
    assert (held.ended_at, held.ended_rule) == (1, "lane.fault")
    assert held.last_usable == 0
    assert poison.id not in alice.write(group).header.acks
    head = alice.node.logs[group].frontier.heads[bob.key, 0]
    assert (head.seq, head.id, head.forked) == (0, lane.id, True)


def test_j14_wrong_depth_against_acks_is_found_on_delivery_in_any_order(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    target = alice.write(group, "target")
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    poison = crafted(bob.seed, group, 1, lane.id, depth=9, time_ms=NOW_MS + 5, acks=(target.id,))
    carol = machine("carol")
    carol.join(alice, group)
    for node, order in ((alice, "alice holds the target already"), (carol, "carol gets the target later")):
        node.receive(group, bob.frame(group, bob.key), bob.key)
        node.receive(group, framed([poison]), bob.key)
        if node is carol:
            held = carol.node.logs[group].lane(bob.key, 0)
            assert held is not None
            assert held.delivered == 0, order
            alice.give(carol, group)
        held = node.node.logs[group].lane(bob.key, 0)
        assert held is not None
        assert (held.ended_at, held.ended_rule) == (1, "lane.fault"), order


def test_j15_a_gap_keeps_nothing_and_blames_nobody(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    bob.write(group, "one", NOW_MS + 1)
    bob.write(group, "two", NOW_MS + 2)
    answer = alice.receive(group, bob.frame(group, bob.key, first=2), bob.key)
    assert (answer.stored, answer.refused, answer.waiting) == (0, None, "lane.gap")


def test_j15_an_unknown_author_is_not_stored(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    eve = crafted(b"e" * 32, group, 0, ZERO_HASH, depth=0)
    answer = alice.receive(group, framed([eve]), bob.key)
    assert (answer.stored, answer.waiting) == (0, "author.unknown")
    assert alice.node.logs[group].lane(eve.author, 0) is None


def test_j15_an_author_from_the_future_waits_and_is_taken_later(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    lane = alice.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    early = crafted(bob.seed, group, 1, lane.id, depth=1, time_ms=NOW_MS + DAY_MS)
    answer = alice.receive(group, framed([early]), bob.key)
    assert (answer.stored, answer.refused, answer.waiting) == (0, None, "entry.future")
    assert alice.receive(group, framed([early]), bob.key, now_ms=NOW_MS + DAY_MS).stored == 1


def fork_of(bob: Machine, group: bytes) -> tuple[Entry, Entry, bytes]:
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    left = crafted(
        bob.seed, group, lane.seq + 1, lane.id, depth=lane.depth + 1, time_ms=NOW_MS + 9, payload=b"\x01"
    )
    right = crafted(
        bob.seed, group, lane.seq + 1, lane.id, depth=lane.depth + 1, time_ms=NOW_MS + 9, payload=b"\x02"
    )
    proof = encode_fork_proof(
        Branch((left.header_bytes,), left.signature or b""),
        Branch((right.header_bytes,), right.signature or b""),
    )
    return left, right, proof


def test_j17_a_fork_proof_seals_the_key_in_all_lanes_of_this_group_only(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    other = alice.found("Other")
    bob.join(alice, other)
    left, _, proof = fork_of(bob, group)
    opened = bob.write(group, lane=2)
    bob.give(alice, group)
    alice.receive(group, framed([left]), bob.key)
    effects = alice.handle(ForkShown(1, group, bob.key, proof))
    assert [effect.author for effect in effects if isinstance(effect, ForkFound)] == [bob.key]
    assert bob.key in alice.node.logs[group].forked
    assert bob.key not in alice.node.logs[other].forked
    entry = alice.write(group)
    assert not {left.id, opened.id} & set(entry.header.acks)
    assert not [effect for effect in alice.effects if isinstance(effect, Penalize)]


def test_j17_an_ack_of_the_dead_branch_does_not_brick_an_honest_lane(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    carol = machine("carol")
    carol.join(alice, group)
    alice.give(carol, group)
    left, right, proof = fork_of(bob, group)
    carol.receive(group, framed([right]), bob.key)
    acking = carol.write(group, now_ms=NOW_MS + 20)
    assert right.id in acking.header.acks
    alice.receive(group, framed([left]), bob.key)
    carol.give(alice, group, NOW_MS + 20)
    held = alice.node.logs[group].lane(carol.key, 0)
    assert held is not None
    assert held.delivered < held.seq
    alice.handle(ForkShown(1, group, bob.key, proof))
    held = alice.node.logs[group].lane(carol.key, 0)
    assert held is not None
    assert held.delivered == held.seq


def test_j17_the_own_key_forked_signs_no_more_and_says_so(machine: MachineOf) -> None:
    _, bob, group = pair(machine)
    _, _, proof = fork_of(bob, group)
    effects = bob.handle(ForkShown(1, group, ZERO_HASH, proof))
    assert [effect.rule for effect in effects if isinstance(effect, Alert)] == ["key.forked"]
    with pytest.raises(UsageError, match="used twice"):
        bob.write(group)


def test_j21_a_newcomer_is_admitted_by_a_voter_and_uses_are_counted(machine: MachineOf) -> None:
    alice, bob, carol = machine("alice"), machine("bob"), machine("carol")
    group = alice.found()
    link = alice.link(group, uses=1)
    assert bob.knock(alice, bob.prepare(link)).state == "admitted"
    assert alice.node.logs[group].state.standing(bob.key) == "member"
    late = carol.knock(alice, carol.prepare(link))
    assert (late.state, late.rule) == ("void", "invite.spent")
    assert alice.node.logs[group].state.standing(carol.key) is None


def test_j21_a_member_who_is_no_voter_admits_provisionally_and_bounds_the_newcomer(
    machine: MachineOf,
) -> None:
    alice, bob, group = pair(machine)
    alice.share(bob, group)
    carol = machine("carol")
    carol.join(bob, group)
    assert bob.node.logs[group].state.standing(carol.key) == "provisional"
    for number in range(70):
        carol.handle(Append(1, group, (Item("contribution", b"\x01"),)), NOW_MS + number)
    lane = carol.node.logs[group].lane(carol.key, 0)
    assert lane is not None
    if lane.seq > 0:
        bob.receive(group, carol.frame(group, carol.key, first=1), carol.key, NOW_MS + 100)
    held = bob.node.logs[group].lane(carol.key, 0)
    assert held is not None
    assert held.seq + 1 <= 64


def test_j21_expiry_is_judged_when_decided(machine: MachineOf) -> None:
    alice, bob = machine("alice"), machine("bob")
    group = alice.found()
    prepared = bob.prepare(alice.link(group, expiry_ms=NOW_MS + 1000))
    late = NOW_MS + DAY_MS
    bob.knock(alice, prepared, late)
    assert alice.node.logs[group].state.standing(bob.key) is None
    log = alice.node.logs[group]
    lane = log.lane(bob.key, 0)
    assert lane is not None
    assert lane.decided == 0
    assert log.file.chain.void_rule(position_of(lane.number, 0)) == "invite.expired"


def test_j31_a_clock_ahead_of_two_peers_or_after_a_long_silence_does_not_sign(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    far = NOW_MS + 40 * DAY_MS
    bob.write(group)
    with pytest.raises(UsageError, match="clock") as caught:
        bob.write(group, now_ms=far)
    assert caught.value.rule == "clock.unconfirmed"
    bob.handle(ConfirmClock(1))
    bob.write(group, now_ms=far)
    carol = machine("carol")
    carol.join(alice, group)
    for peer in (b"1" * 32, b"2" * 32, bob.key):
        alice.handle(ClockHeard(peer, -20 * 60 * 1000))
        alice.write(group)
    alice.handle(ClockHeard(carol.key, -20 * 60 * 1000))
    with pytest.raises(UsageError) as caught:
        alice.write(group)
    assert caught.value.rule == "clock.ahead"


def test_j34_promised_entries_missing_from_the_group_file_are_repaired(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    alice.write(group, "one")
    path = alice.folder / "groups" / f"{group.hex()}.db"
    alice.node.logs[group].file.settle(10**6)
    alice.node.logs[group].file.close()
    kept = path.with_suffix(".kept")
    shutil.copyfile(path, kept)
    alice.node.logs[group] = type(alice.node.logs[group])(alice.node.shelf.open(group), alice.node.key)
    note = alice.annex(note="for two")
    item = Item("contribution", encode({"annex": sha256(note)}), annexes=(note,))
    (two,) = alice.ask(Append(1, group, (item,)), NOW_MS + 1)
    alice.node.node_file.close()
    alice.node.logs[group].file.close()
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    shutil.copyfile(kept, path)
    alice.start_again()
    lane = alice.node.logs[group].lane(alice.key, 0)
    assert lane is not None
    assert lane.id == two.id
    assert alice.node.logs[group].file.annexes([sha256(note)]) == [note]
    assert group not in alice.node.restored
    assert alice.write(group, "three", NOW_MS + 2).header.prev == two.id


def test_j35_databases_behind_their_marks_sign_nothing_until_a_member_confirms(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    bob.write(group, "one")
    bob.restart()
    saved = bob.folder.with_name("saved")
    bob.node.close()
    shutil.copytree(bob.folder, saved)
    bob.start_again()
    two = bob.write(group, "two", NOW_MS + 1)
    bob.give(alice, group)
    bob.node.close()
    shutil.rmtree(bob.folder)
    shutil.copytree(saved, bob.folder)
    bob.start_again(is_restored=True)
    assert group in bob.node.restored
    with pytest.raises(UsageError) as caught:
        bob.write(group, "other two", NOW_MS + 2)
    assert caught.value.rule == "restore.unconfirmed"
    assert caught.value.remedy
    bob.handle(HeadsConfirmed(group, b"9" * 32))
    assert group in bob.node.restored, "a stranger confirms nothing"
    alice.give(bob, group)
    bob.handle(HeadsConfirmed(group, alice.key))
    assert bob.write(group, "three", NOW_MS + 3).header.prev == two.id


def test_j35_a_group_of_one_needs_nobody_to_confirm(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    alice.write(group)
    alice.restart(is_restored=True)
    alice.write(group)


def test_j36_leaving_deletes_a_file_and_the_key_never_signs_there_again(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    bob.ask(Forget(1, group))
    assert not list((bob.folder / "groups").glob("*.db*"))
    with pytest.raises(UsageError) as caught:
        bob.prepare(alice.link(group))
    assert caught.value.rule == "join.was_here"


def test_j36_a_damaged_group_does_not_stop_the_others(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    other = bob.found("Other")
    bob.write(group, "mine")
    bob.write(other, "mine")
    bob.give(alice, group)
    bob.node.close()
    path = bob.folder / "groups" / f"{group.hex()}.db"
    path.write_bytes(b"not a database" * 100)
    effects = bob.start_again()
    assert "store.set_aside" in [effect.rule for effect in effects if isinstance(effect, Alert)]
    bob.write(other, "more", NOW_MS + 1)
    assert group in bob.node.restored, "what we signed there must first come back"
    alice.give(bob, group)
    bob.handle(HeadsConfirmed(group, alice.key))
    bob.write(group, "more", NOW_MS + 1)


def test_runs_of_entries_keep_their_place(machine: MachineOf) -> None:
    alice = machine("alice")
    group = alice.found()
    entries = [alice.write(group, str(number), NOW_MS + number) for number in range(3)]
    run = run_of(entries)
    assert [row.id for row in run.rows] == [entry.id for entry in entries]
    assert (run.first_seq, run.prev_id) == (0, ZERO_HASH)


def test_j5_a_signature_that_did_not_arrive_whole_is_asked_for_and_taken(machine: MachineOf) -> None:
    alice, bob, group = pair(machine)
    entries = [bob.write(group, str(number), NOW_MS + number) for number in range(3)]
    lane = bob.node.logs[group].lane(bob.key, 0)
    assert lane is not None
    stored = bob.node.logs[group].file.entries(lane.number, 1, lane.seq)
    spoiled = [stored[0]._replace(signature=bytes(64)), *stored[1:]]
    run = encode_run(group, bob.key, 0, 1, entries[0].header.prev, spoiled)
    alice.receive(group, pack_runs([run], compress=False), bob.key)
    while any(
        isinstance(effect, WakeAt) and effect.time_ms < NOW_MS + DAY_MS for effect in alice.handle(Woke())
    ):
        pass
    wanted = [effect for effect in alice.effects if isinstance(effect, SignatureWanted)]
    assert wanted == [SignatureWanted(group, entries[0].id)]
    held = alice.node.logs[group].lane(bob.key, 0)
    assert held is not None
    alice.handle(SignatureFound(group, entries[0].id, bytes(64)))
    assert alice.node.logs[group].file.entries(held.number, 1, 1)[0].signature is None
    alice.handle(SignatureFound(group, entries[0].id, entries[0].signature or b""))
    assert alice.node.logs[group].file.entries(held.number, 1, 1)[0].signature == entries[0].signature


def test_j34_a_group_file_older_than_the_positions_in_peers_logs_asks_for_everything_again(
    machine: MachineOf,
) -> None:
    alice, bob, group = pair(machine)
    bob.node.close()
    path = bob.folder / "groups" / f"{group.hex()}.db"
    older = path.read_bytes()
    bob.start_again()
    epoch = bob.node.logs[group].frontier.epoch
    alice.write(group, "more", NOW_MS + 1)
    alice.give(bob, group)
    bob.handle(CursorsNoted(((alice.key, group, b"e" * 16, 7),)))
    bob.restart()
    assert bob.node.logs[group].frontier.epoch == epoch
    assert bob.node.node_file.cursors()
    bob.node.close()
    path.write_bytes(older)
    bob.start_again()
    assert bob.node.logs[group].frontier.epoch != epoch
    assert not bob.node.node_file.cursors()

"""A newcomer takes the state from a snapshot, works with it, and checks the history behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pnode.chain import levelling
from p2pnode.chain.leading import Next
from p2pnode.chain.levelling import BEHIND_BLOCKS_MIN, LevelReport
from p2pnode.consensus import execution
from p2pnode.consensus.certificate import Final
from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import decode_proof, encode_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.snapshot import decode_chunk, encode_chunk, make_chunk
from p2pnode.core import codec
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Alert, Append, Item, LevelAnswered, LevelAsked, PeersPresent, Penalize, Woke
from p2pnode.describing import Describer, Filter
from p2pnode.replication.level import BlocksWanted, ChunkWanted, FinalWanted, Wanted
from p2pnode.service import levels
from p2pnode.serving import GroupReader
from p2pnode.store import chain_tables
from p2pnode.store.group_file import GroupQueries
from tests.unit.node.council import Council
from tests.unit.node.world import NOW_MS, Machine

MachineOf = Callable[[str], Machine]
Value = Any
BLOCKS = 20
LIAR = b"l" * 32


@contextmanager
def reading(machine: Machine, group: bytes) -> Iterator[GroupQueries]:
    reader = GroupReader(group, str(machine.folder / "groups" / f"{group.hex()}.db"))
    with reader.reading() as queries:
        yield queries
    reader.close()


def answer_of(machine: Machine, group: bytes, wanted: Wanted) -> Value:
    """What a machine answers, None when it has none."""
    with reading(machine, group) as queries:
        try:
            return levels.answer_to(queries, wanted)
        except UsageError:
            return None


def next_of(machine: Machine, group: bytes, *, is_fresh: bool = False) -> Next:
    following = machine.ask(LevelAsked(1, group, is_fresh))
    assert isinstance(following, Next)
    return following


def answered(machine: Machine, other: Machine, group: bytes, wanted: Wanted) -> Next:
    """Hand over another machine's answer."""
    answer = answer_of(other, group, wanted)
    following = machine.ask(LevelAnswered(1, group, other.key, wanted, answer))
    assert isinstance(following, Next)
    return following


def take_snapshot(machine: Machine, other: Machine, group: bytes) -> int:
    """Ask one peer until its state is here; how many answers it took."""
    following, count = next_of(machine, group, is_fresh=True), 0
    height = machine.node.logs[group].level.snapshot
    while following.wanted is not None and machine.node.logs[group].level.snapshot == height:
        following = answered(machine, other, group, following.wanted)
        count += 1
    return count


def replay(machine: Machine, other: Machine, group: bytes) -> None:
    """Run history again as far as entries are here."""
    for _ in range(200):
        before = machine.node.logs[group].level.replayed
        following = next_of(machine, group)
        if following.wanted is not None:
            assert isinstance(following.wanted, BlocksWanted)
            assert following.wanted.first <= following.wanted.last, "no block is asked for that is not there"
            answered(machine, other, group, following.wanted)
        elif not following.is_busy or machine.node.logs[group].level.replayed == before:
            return


def long_group(machine: MachineOf, blocks: int = BLOCKS) -> tuple[Machine, bytes]:
    """A group of one with a long chain."""
    founder = machine("founder")
    group = founder.found(checkpoint_entries=1)
    member = machine("alice")
    member.join(founder, group)
    for number in range(blocks):
        founder.write(group, str(number), NOW_MS + number)
        founder.handle(Woke(), NOW_MS + number)
    assert founder.node.logs[group].chain.tip.height > blocks
    return founder, group


def newcomer_to(machine: MachineOf, founder: Machine, group: bytes) -> Machine:
    late = machine("late")
    late.join(founder, group)
    return late


def test_a_newcomer_has_the_state_of_the_last_block_without_any_history(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    theirs, ours = founder.node.logs[group], late.node.logs[group]
    assert ours.chain.tip.id == theirs.chain.tip.id
    assert ours.level.snapshot == theirs.chain.tip.height
    assert dict(ours.file.chain.scan(b"")) == dict(theirs.file.chain.scan(b""))
    assert ours.state.standing(late.key) == "member"
    assert not ours.level.is_level, "it cannot judge blocks yet"
    entry = late.write(group, "hello")
    late.give(founder, group)
    assert founder.node.logs[group].file.position_of_id(entry.id) is not None


def test_i15_history_gives_what_the_snapshot_said(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    replay(late, founder, group)
    assert late.node.logs[group].level.replayed == 0, "no entries are here yet"
    founder.share(late, group)
    replay(late, founder, group)
    ours = late.node.logs[group].level
    assert ours.report().is_checked
    assert ours.report().checked == late.node.logs[group].chain.tip.height
    assert ours.is_level
    heights = [row.height for row in late.node.logs[group].file.chain.next_blocks(1, 1000) if row.body]
    assert heights == list(range(1, late.node.logs[group].chain.tip.height + 1))


def test_j30_history_is_run_in_slices_and_a_kill_costs_one_block(
    machine: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", FEW_BLOCKS)
    monkeypatch.setattr(execution, "SLICE_ENTRIES", 1)
    founder, group = long_group(machine, FEW_BLOCKS)
    items = tuple(Item("contribution", codec.encode({"text": f"together {number}"})) for number in range(4))
    founder.ask(Append(1, group, items), NOW_MS + 100)
    height = founder.node.logs[group].chain.tip.height
    while founder.node.logs[group].chain.tip.height == height:
        founder.handle(Woke(), NOW_MS + 200)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    founder.share(late, group)
    answered(late, founder, group, BlocksWanted(1, late.node.logs[group].level.snapshot))
    steps: dict[int, int] = {}
    while not late.node.logs[group].level.report().is_checked:
        replayed = late.node.logs[group].level.report().checked
        assert next_of(late, group).has_moved
        steps[replayed] = steps.get(replayed, 0) + 1
        if late.node.logs[group].level.rerun is not None and steps[replayed] == 2:
            late.restart()
            answered(late, founder, group, BlocksWanted(replayed + 1, late.node.logs[group].level.snapshot))
    assert max(steps.values()) > 3, "a block of some entries takes some steps"
    assert late.node.logs[group].level.difference is None


# ---- those who lie


def lie(machine: Machine, group: bytes, wanted: Wanted, answer: Value) -> list[str]:
    """Hand over a false answer; the rules for which its sender is to blame."""
    effects = machine.handle(LevelAnswered(1, group, LIAR, wanted, answer))
    return [effect.rule for effect in effects if isinstance(effect, Penalize)]


def at_chunks(late: Machine, founder: Machine, group: bytes) -> ChunkWanted:
    """Go on until the state itself is asked for."""
    following = next_of(late, group, is_fresh=True)
    while not isinstance(following.wanted, ChunkWanted):
        assert following.wanted is not None
        following = answered(late, founder, group, following.wanted)
    return following.wanted


def small_chunk(machine: Machine, group: bytes, wanted: ChunkWanted) -> Value:
    """A chunk with few rows, so that a state has many."""
    with reading(machine, group) as queries:
        states = queries.states
        root, after, until = wanted
        return {"chunk": make_chunk(root, after, states.node_at, states.row_at, 400, until)}


def test_a_bad_chunk_is_refused_and_the_next_peer_is_asked(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    with reading(founder, group) as queries:
        old_root = decode_header(queries.chain.blocks(5, 5)[0].header).state_root
    wanted = at_chunks(late, founder, group)
    good = small_chunk(founder, group, wanted)["chunk"]
    chunk = decode_chunk(good)
    key, value = chunk.rows[0]
    altered = encode_chunk(replace(chunk, rows=((key, value + b"\x00"), *chunk.rows[1:])))
    shorter = encode_chunk(replace(chunk, rows=chunk.rows[1:]))
    other = small_chunk(founder, group, ChunkWanted(old_root, None))["chunk"]
    assert lie(late, group, wanted, {"chunk": altered}) == ["snapshot.other_root"]
    assert lie(late, group, wanted, {"chunk": shorter}) == ["snapshot.other_root"]
    assert lie(late, group, wanted, {"chunk": other}) == ["snapshot.other_root"]
    assert lie(late, group, wanted, {"chunk": good[:-1]}) == ["codec.not_msgpack"]
    assert lie(late, group, wanted, {"rows": []}) == ["level.bad_answer"]
    assert next_of(late, group).wanted == wanted
    assert lie(late, group, wanted, {"chunk": good}) == []
    take_snapshot(late, founder, group)
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id


def test_a_way_that_others_signed_is_refused(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    wanted = next_of(late, group, is_fresh=True).wanted
    assert wanted == FinalWanted(0, group)
    answer = answer_of(founder, group, wanted)
    proof = decode_proof(answer["proof"])
    last = proof.links[-1]

    def changed(final: Final) -> Value:
        links = (*proof.links[:-1], replace(last, final=final))
        return {"more": False, "proof": encode_proof(replace(proof, links=links))}

    header, certificate = last.final.header, last.final.certificate
    forged = replace(certificate, signatures=(bytes(64),))
    assert lie(late, group, wanted, changed(replace(last.final, certificate=forged))) == [
        "certificate.bad_signature"
    ]
    epoch = replace(last.final, header=replace(header, epoch=header.epoch + 1))
    assert lie(late, group, wanted, changed(epoch)) == ["certificate.other_configuration"]
    root = replace(last.final, header=replace(header, state_root=bytes(32)))
    assert lie(late, group, wanted, changed(root)) == ["certificate.other_block"]
    alone = {"more": False, "proof": encode_proof(replace(proof, links=proof.links[-1:]))}
    assert lie(late, group, wanted, alone)[0] in ("certificate.other_configuration", "level.no_parent")
    assert next_of(late, group).wanted is None, "nothing was begun"


def test_a_way_that_begins_elsewhere_is_refused(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    other, stranger = long_group(lambda name: machine(f"other {name}"))
    theirs = answer_of(other, stranger, FinalWanted(0, stranger))
    wanted = FinalWanted(0, group)
    assert lie(late, group, wanted, theirs) == ["level.other_start"]
    with reading(founder, group) as queries:
        fifth = queries.chain.blocks(5, 5)[0]
    from_fifth = answer_of(founder, group, FinalWanted(5, fifth.id))
    assert lie(late, group, wanted, from_fifth) == ["level.other_start"]


def test_an_old_height_is_not_believed_where_somebody_knows_more(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    wanted = FinalWanted(0, group)
    old = answer_of(founder, group, wanted)
    for number in range(5):
        founder.write(group, "more", NOW_MS + 1000 + number)
        founder.handle(Woke(), NOW_MS + 1000 + number)
    assert lie(late, group, wanted, old) == [], "it may only be behind"
    answered(late, founder, group, wanted)
    assert lie(late, group, wanted, old) == []
    take_snapshot(late, founder, group)
    assert late.node.logs[group].chain.tip.height == founder.node.logs[group].chain.tip.height
    tip = late.node.logs[group].chain.tip
    stale = FinalWanted(tip.height, tip.id)
    assert lie(late, group, stale, old) == ["level.other_start"]


def test_another_body_is_refused(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    following = answered(late, founder, group, FinalWanted(0, group))
    wanted = following.wanted
    assert isinstance(wanted, BlocksWanted)
    answer = answer_of(founder, group, wanted)
    (row,) = answer["blocks"]
    assert lie(late, group, wanted, {"blocks": [[row[0], row[1] + b"x", *row[2:]]]}) == ["level.other_block"]
    assert lie(late, group, wanted, {"blocks": []}) == ["level.bad_answer"]
    below = answer_of(founder, group, BlocksWanted(3, 3))
    assert lie(late, group, wanted, below) == ["level.other_block"]
    assert isinstance(answered(late, founder, group, wanted).wanted, ChunkWanted)


def test_history_of_others_is_refused(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    founder.share(late, group)
    wanted = next_of(late, group).wanted
    assert wanted == BlocksWanted(1, late.node.logs[group].level.snapshot)
    third = answer_of(founder, group, BlocksWanted(3, 3))
    assert lie(late, group, wanted, third) == []
    effects = late.handle(LevelAsked(1, group, False))
    assert [effect for effect in effects if isinstance(effect, Penalize)] == [
        Penalize(LIAR, "block.other_height")
    ]
    replay(late, founder, group)
    assert late.node.logs[group].level.report().is_checked


# ---- those who stop, and come back


def test_a_kill_costs_no_chunk(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    following, count = next_of(late, group, is_fresh=True), 0
    while not late.node.logs[group].level.snapshot:
        wanted = following.wanted
        assert wanted is not None
        is_chunk = isinstance(wanted, ChunkWanted)
        answer = small_chunk(founder, group, wanted) if is_chunk else answer_of(founder, group, wanted)
        late.ask(LevelAnswered(1, group, founder.key, wanted, answer))
        after = next_of(late, group)
        late.restart()
        following = next_of(late, group)
        assert following.wanted == after.wanted
        count += is_chunk
    assert count > 3
    assert dict(late.node.logs[group].file.chain.scan(b"")) == dict(
        founder.node.logs[group].file.chain.scan(b"")
    )
    founder.share(late, group)
    while not late.node.logs[group].level.report().is_checked:
        following = next_of(late, group)
        if following.wanted is not None:
            answered(late, founder, group, following.wanted)
        late.restart()
        next_of(late, group)
        wanted = next_of(late, group).wanted
        if wanted is not None:
            answered(late, founder, group, wanted)
        next_of(late, group)


def test_a_state_that_was_left_behind_can_be_fetched_to_its_end(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    wanted: Wanted | None = at_chunks(late, founder, group)
    height = founder.node.logs[group].chain.tip.height
    number = 0
    while isinstance(wanted, ChunkWanted):
        founder.write(group, f"later {number}", NOW_MS + 1000 + number)
        founder.handle(Woke(), NOW_MS + 1000 + number)
        answer = small_chunk(founder, group, wanted)
        wanted = late.ask(LevelAnswered(1, group, founder.key, wanted, answer)).wanted
        number += 1
    assert late.node.logs[group].chain.tip.height == height
    assert founder.node.logs[group].chain.tip.height == height + number


def test_a_state_that_nobody_keeps_is_given_up_for_a_newer_one(
    machine: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_tables, "STATES_KEPT", 2)
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    wanted = at_chunks(late, founder, group)
    late.ask(LevelAnswered(1, group, founder.key, wanted, small_chunk(founder, group, wanted)))
    for number in range(4):
        founder.write(group, "later", NOW_MS + 1000 + number)
        founder.handle(Woke(), NOW_MS + 1000 + number)
    wanted = next_of(late, group).wanted
    assert answer_of(founder, group, wanted) is None
    assert answered(late, founder, group, wanted).wanted is None
    take_snapshot(late, founder, group)
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id


def test_who_was_away_for_long_goes_on_from_its_own_last_block(machine: MachineOf) -> None:
    founder = machine("founder")
    group = founder.found(checkpoint_entries=1)
    away = newcomer_to(machine, founder, group)
    founder.share(away, group)
    own = away.node.logs[group].chain.tip
    assert own.height > 0
    for number in range(BLOCKS):
        founder.write(group, str(number), NOW_MS + number)
        founder.handle(Woke(), NOW_MS + number)
    assert next_of(away, group, is_fresh=True).wanted == FinalWanted(own.height, own.id)
    take_snapshot(away, founder, group)
    assert away.node.logs[group].level.report().checked == own.height
    founder.share(away, group)
    replay(away, founder, group)
    assert away.node.logs[group].level.report().is_checked


def test_who_is_a_little_behind_takes_no_snapshot(machine: MachineOf) -> None:
    founder, group = long_group(machine, BEHIND_BLOCKS_MIN - 4)
    late = newcomer_to(machine, founder, group)
    assert take_snapshot(late, founder, group) == 1
    assert late.node.logs[group].level.report() == LevelReport()


def test_newer_states_are_taken_while_history_is_on_its_way(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    first = late.node.logs[group].level.snapshot
    for number in range(2):
        founder.write(group, "later", NOW_MS + 1000 + number)
        founder.handle(Woke(), NOW_MS + 1000 + number)
    take_snapshot(late, founder, group)
    assert late.node.logs[group].level.snapshot == first + 2
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id
    founder.share(late, group, NOW_MS + 2000)
    replay(late, founder, group)
    assert late.node.logs[group].level.report().is_checked
    assert next_of(late, group, is_fresh=True).wanted == FinalWanted(
        first + 2, founder.node.logs[group].chain.tip.id
    )


def test_what_history_has_not_settled_is_not_called_final(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    founder.share(late, group)

    def rows() -> list[tuple[str, str | None]]:
        with reading(late, group) as queries:
            page = Describer(queries, late.node.logs[group].state, late.key).page(Filter(), 100, None)
        return [(row["state"], row["rule"]) for row in page["rows"] if row["type"] == "contribution"]

    assert set(rows()) == {("acknowledged", "level.unchecked")}
    replay(late, founder, group)
    assert set(rows()) == {("void", "contribution.bad_field")}


def test_the_log_goes_on_above_a_snapshot(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    founder.share(late, group)
    for number in range(3):
        founder.write(group, "later", NOW_MS + 1000 + number)
        founder.handle(Woke(), NOW_MS + 1000 + number)
    founder.share(late, group, NOW_MS + 2000)
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id
    replay(late, founder, group)
    late.restart()
    assert late.node.logs[group].level.report().is_checked
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id


def test_who_has_a_snapshot_hands_it_on(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    later = machine("later")
    later.join(founder, group)
    take_snapshot(later, late, group)
    assert later.node.logs[group].chain.tip.id == late.node.logs[group].chain.tip.id
    assert answer_of(late, group, BlocksWanted(1, 5)) is None, "history is not here yet"


def test_i15_a_difference_is_told_by_name_and_ends_voting(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    founder.share(late, group)
    ours = late.node.logs[group]
    while ours.level.report().checked < ours.level.snapshot - 1:
        following = next_of(late, group)
        if following.wanted is not None:
            answered(late, founder, group, following.wanted)
    with ours.change() as change:
        # A row that the program on this node wrote otherwise than those of the others.
        chain = change.transaction.replay(ours.level.snapshot - 1)
        chain.put_rows({row_key("days"): codec.encode([7_000, 1])})
    effects = late.handle(LevelAsked(1, group, False))
    (alert,) = [effect for effect in effects if isinstance(effect, Alert)]
    assert alert.rule == "level.other_history"
    assert alert.facts["differs"] == "block.state_root"
    assert alert.facts["height"] == str(ours.level.snapshot)
    assert "days" in alert.facts["rows"]
    assert not ours.level.is_level
    late.restart()
    ours = late.node.logs[group]
    told = ours.level.report().difference
    assert told is not None
    assert (told.height, told.rule) == (ours.level.snapshot, "block.state_root")
    assert told.keys[0] == row_key("days")
    assert next_of(late, group) == Next(None, is_busy=False)


# ---- those who vote


FEW_BLOCKS = 4


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few blocks are far behind: with several voters each takes its time."""
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", FEW_BLOCKS)


def test_no_block_is_run_while_a_snapshot_is_on_its_way(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    wanted = at_chunks(late, founder, group)
    founder.share(late, group)
    assert late.node.logs[group].chain.tip.height == 0
    height = founder.node.logs[group].chain.tip.height
    assert answered(late, founder, group, wanted).wanted == BlocksWanted(1, height)
    assert late.node.logs[group].chain.tip.height == height


def test_a_snapshot_that_stays_away_holds_nothing_up(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    at_chunks(late, founder, group)
    founder.share(late, group)
    for step in range(20):
        late.handle(Woke(), NOW_MS + levelling.PATIENCE_MS + step)
    assert late.node.logs[group].chain.tip.id == founder.node.logs[group].chain.tip.id
    assert late.node.logs[group].level.snapshot == 0
    assert next_of(late, group) == Next(None, is_busy=False), "it has come too late"


@pytest.mark.usefixtures("_soon")
def test_a_voter_says_nothing_before_it_can_judge_blocks(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    group = council.group
    for number in range(FEW_BLOCKS):
        council["alice"].write(group, str(number), council.now_ms)
        council.meet("alice", "bob")
    carol = council["carol"]
    take_snapshot(carol, council["alice"], group)
    assert carol.node.logs[group].chain.tip.height == council.tip("alice")
    carol.handle(PeersPresent(frozenset(one.key for one in council.machines.values())), council.now_ms)
    carol.write(group, "back again", council.now_ms)
    for _ in range(20):
        council.now_ms += 60_000
        carol.handle(Woke(), council.now_ms)
    assert carol.node.logs[group].lane(carol.key, 1) is None, "no vote"
    council.meet("alice", "bob", "carol")
    assert council.tip("carol") == council.tip("alice") > FEW_BLOCKS
    assert council.state_root("carol") == council.state_root("alice")
    assert carol.node.logs[group].lane(carol.key, 1) is not None


# ---- forks


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("held", ["the dead branch", "the dead branch and the proof", "the proof", "nothing"])
def test_a_snapshot_says_which_branch_of_a_fork_is_final(tmp_path: Path, held: str) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol", "dave"), checkpoint_entries=1)
    group, dave = council.group, council["dave"]
    left, right = (council.sign("dave", text, at="alice") for text in (b"left", b"right"))
    council.hand("alice", left)
    council.meet("alice", "bob", "carol")
    assert council.tip("alice") == 1, "ordered before anybody knew the fork"
    for number in range(FEW_BLOCKS):
        council["alice"].write(group, str(number), council.now_ms)
        council.meet("alice", "bob", "carol")
    if "branch" in held:
        council.hand("dave", right)
    if "proof" in held:
        council.prove("dave", left, right)
    take_snapshot(dave, council["alice"], group)
    assert dave.node.logs[group].level.snapshot == council.tip("alice")
    council.prove("alice", left, right)
    council.meet("alice", "bob", "carol", "dave")
    replay(dave, council["alice"], group)
    assert dave.node.logs[group].level.report().is_checked
    lane = dave.node.logs[group].lane(dave.key, 0)
    assert lane is not None
    assert (lane.ended_at, lane.ended_id, lane.id) == (1, left.id, left.id)
    assert council.ends("dave") == council.ends("alice")
    assert council.state_root("dave") == council.state_root("alice")

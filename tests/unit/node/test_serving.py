"""Serving what this device wrote a moment ago gives the bytes that its file would give; what pushes bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from p2pnode.core.codec import encode
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry
from p2pnode.core.events import (
    AnnexesReceived,
    AnnexesWanted,
    Append,
    CatchUp,
    Item,
    Penalize,
    Received,
)
from p2pnode.replication.exchange import Want
from p2pnode.replication.messages import PUSH_ANNEX_BYTES_MAX
from p2pnode.replication.run import pack_runs
from p2pnode.serving import FreshEntries, GroupReader
from tests.unit.node.world import NOW_MS, Machine

_KEPT = 32
_FRAME_BYTES = 1 << 16


@pytest.fixture
def alice(machine: Callable[[str], Machine]) -> Machine:
    return machine("alice")


@pytest.fixture
def group(alice: Machine) -> bytes:
    return alice.found()


@pytest.fixture
def reader(alice: Machine, group: bytes) -> Iterator[GroupReader]:
    held = GroupReader(group, str(alice.folder / "groups" / f"{group.hex()}.db"))
    yield held
    held.close()


def test_fresh_entries_are_encoded_as_those_of_the_file(
    alice: Machine, group: bytes, reader: GroupReader
) -> None:
    fresh = FreshEntries()
    entries = [alice.write(group, str(number), NOW_MS + number) for number in range(5)]
    entries += [alice.write(group, "for everyone", NOW_MS + 9, lane=2)]
    for entry in entries:
        fresh.add((entry,))
    first = entries[0].header.seq
    wants = [Want(alice.key, 0, first + 1, first + 3), Want(alice.key, 2, 0, 0)]
    runs = fresh.runs(group, wants, _FRAME_BYTES)
    assert len(runs) == 2
    assert (runs, []) == reader.read_runs(wants, _FRAME_BYTES)


def test_what_is_not_fresh_is_left_to_the_file(alice: Machine, group: bytes) -> None:
    fresh = FreshEntries()
    entries = [alice.write(group, str(number), NOW_MS + number) for number in range(_KEPT + 1)]
    for entry in entries:
        fresh.add((entry,))
    last = entries[-1].header.seq
    assert fresh.runs(group, [Want(alice.key, 0, last - _KEPT + 1, last)], _FRAME_BYTES)
    assert not fresh.runs(group, [Want(alice.key, 0, last - _KEPT, last)], _FRAME_BYTES)
    assert not fresh.runs(group, [Want(alice.key, 0, last, last + 1)], _FRAME_BYTES)
    assert not fresh.runs(group, [Want(bytes(32), 0, last, last)], _FRAME_BYTES)


def test_more_than_a_frame_holds_is_left_to_the_file(alice: Machine, group: bytes) -> None:
    fresh = FreshEntries()
    entry = alice.write(group, "x" * 1000)
    fresh.add((entry,))
    want = Want(alice.key, 0, entry.header.seq, entry.header.seq)
    assert fresh.runs(group, [want], 2000)
    assert not fresh.runs(group, [want], 1000)


def _noted(alice: Machine, group: bytes, *notes: str) -> tuple[list[Entry], list[bytes]]:
    """Contributions with a note each, written together; the notes are annexes."""
    annexes = [alice.annex(note=note) for note in notes]
    items = [Item("contribution", encode({"annex": sha256(annex)}), annexes=(annex,)) for annex in annexes]
    return list(alice.ask(Append(1, group, tuple(items)))), annexes


def test_a_push_is_one_run_with_the_small_annexes_that_it_names(
    alice: Machine, group: bytes, reader: GroupReader
) -> None:
    entries, annexes = _noted(alice, group, "thanks", "x" * PUSH_ANNEX_BYTES_MAX, "again")
    want = Want(alice.key, 0, entries[0].header.seq, entries[-1].header.seq)
    fresh = FreshEntries()
    fresh.add(entries)
    run, named = reader.read_push(want, (), _FRAME_BYTES)
    assert [run] == reader.read_runs([want], _FRAME_BYTES)[0]
    assert named == [annexes[0], annexes[2]], "the large one is asked for"
    assert (run, named) == reader.read_push(want, fresh.entries(want), _FRAME_BYTES)
    assert run is not None
    assert reader.read_push(want, (), len(run) - 1) == (None, [])
    assert reader.read_push(want._replace(last=want.last + 1), (), _FRAME_BYTES) == (None, [])


def test_what_comes_along_with_entries_is_kept_when_they_name_it(
    alice: Machine, group: bytes, reader: GroupReader, machine: Callable[[str], Machine]
) -> None:
    bob = machine("bob")
    bob.join(alice, group)
    alice.share(bob, group)
    entries, annexes = _noted(alice, group, "thanks")
    run, named = reader.read_push(Want(alice.key, 0, *[entries[0].header.seq] * 2), (), _FRAME_BYTES)
    assert run is not None
    junk = bob.annex(note="nobody names it")
    frame = pack_runs([run], compress=False)
    effects = bob.handle(Received(1, group, alice.key, frame, False, True, (*named, junk)))
    bob.ask(CatchUp(1, group))
    held = bob.node.logs[group].file
    assert held.annexes([sha256(annexes[0]), sha256(junk)]) == annexes
    assert sha256(annexes[0]) not in held.wanted_annexes(100)
    assert not [effect for effect in effects if isinstance(effect, AnnexesWanted)]
    assert not [effect for effect in effects if isinstance(effect, Penalize)]


def test_others_are_asked_for_the_annexes_that_a_peer_had_not(
    alice: Machine, group: bytes, machine: Callable[[str], Machine]
) -> None:
    bob = machine("bob")
    bob.join(alice, group)
    alice.share(bob, group)
    entries, annexes = _noted(alice, group, "one", "two")
    first = entries[0].header.seq
    bob.receive(group, alice.frame(group, alice.key, first=first), alice.key)
    bob.ask(CatchUp(1, group))
    for given, is_more_wanted in (((), True), ((annexes[1],), True), ((annexes[0],), False)):
        effects = bob.handle(AnnexesReceived(1, group, alice.key, given))
        assert any(isinstance(effect, AnnexesWanted) for effect in effects) == is_more_wanted

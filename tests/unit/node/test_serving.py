"""Serving what this device wrote a moment ago gives the bytes that its file would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from p2pnode.replication.exchange import Want
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

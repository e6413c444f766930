"""Who may read what."""

import pytest

from p2pnode.core.ids import did_of
from p2pnode.governance.access import PRIVATE_RIGHTS, PUBLIC_RIGHTS, Reader, lanes_readable, reader_of, rights
from p2pnode.governance.state import GroupState, fold
from tests.vectors.cases.material import ALICE, BOB, CAROL, EVE, circle_charter, founding_of, link_of
from tests.vectors.cases.state import SOON_MS, join_of, leave_of

ALL, OPEN, NONE = frozenset({0, 1, 2}), frozenset({2}), frozenset[int]()


def _state(visibility: str) -> GroupState:
    """Alice founded, Bob came and left, Carol waits for her decision, Eve is a steward."""
    charter = circle_charter(visibility=visibility, stewards=[did_of(EVE.public)])
    founding = founding_of(ALICE, charter=charter)
    bob = join_of(BOB, link_of(group=founding.group))
    carol = join_of(CAROL, link_of(group=founding.group, seed=b"\x08" * 32))
    gone = leave_of(BOB, group=founding.group)
    return fold(founding, [(bob, SOON_MS), (gone, SOON_MS)], [carol])


@pytest.mark.parametrize(("visibility", "removed_and_strangers"), [("public", OPEN), ("private", NONE)])
def test_j23_lanes_by_standing(visibility: str, removed_and_strangers: frozenset[int]) -> None:
    state = _state(visibility)
    for key, reader, lanes in (
        (ALICE.public, Reader.MEMBER, ALL),
        (CAROL.public, Reader.NEWCOMER, ALL),
        (EVE.public, Reader.STEWARD, ALL),
        (BOB.public, Reader.REMOVED, removed_and_strangers),
        (b"\x05" * 32, Reader.STRANGER, removed_and_strangers),
    ):
        assert reader_of(state, key) is reader
        assert lanes_readable(state, [key]) == lanes


def test_j23_several_keys_give_the_most_that_one_of_them_may() -> None:
    state = _state("private")
    assert lanes_readable(state, [b"\x05" * 32, BOB.public, ALICE.public]) == ALL
    assert lanes_readable(state, []) == NONE


def test_j23_nobody_outside_reads_lanes_0_and_1() -> None:
    for table in (PUBLIC_RIGHTS, PRIVATE_RIGHTS):
        assert set(table) == set(Reader)
        for reader in (Reader.REMOVED, Reader.STRANGER):
            assert not table[reader].lanes & {0, 1}
            assert table[reader].annex_lanes <= table[reader].lanes
    assert rights(_state("private"), [b"\x05" * 32]) == PRIVATE_RIGHTS[Reader.STRANGER]

"""How long voters wait."""

from p2pnode.consensus import timing
from p2pnode.consensus.timing import HOUR_MS

_DELTA_MS = 30_000


def test_r6_the_timer_doubles_once_for_as_many_views_as_voters_may_be_absent() -> None:
    # n = 9, b = 2: three may be absent, so four views pass before it doubles.
    waits = [timing.skip_after_ms(view, 9, 6, _DELTA_MS) for view in range(9)]
    assert waits == [120_000] * 4 + [240_000] * 4 + [480_000]
    assert [timing.skip_after_ms(view, 4, 3, _DELTA_MS) for view in range(5)] == [
        120_000,
        120_000,
        240_000,
        240_000,
        480_000,
    ]


def test_r6_a_row_of_absent_leaders_passes_in_minutes() -> None:
    # Doubling in every view would make half an hour of it.
    assert sum(timing.skip_after_ms(view, 9, 6, _DELTA_MS) for view in range(4)) == 4 * 120_000


def test_j28_the_timer_doubles_at_most_six_times() -> None:
    assert timing.skip_after_ms(10**9, 4, 3, _DELTA_MS) == 120_000 * 64
    assert timing.unseen_skip_after_ms(10**9, 4, 3) == 48 * HOUR_MS * 64
    assert timing.doublings(11, 4, 3) == 5
    assert timing.doublings(12, 4, 3) == 6
    assert timing.doublings(14, 4, 3) == 6


def test_r6_without_a_visible_quorum_a_view_lasts_two_days() -> None:
    assert timing.unseen_skip_after_ms(0, 5, 4) == 48 * HOUR_MS
    assert timing.unseen_skip_after_ms(2, 5, 4) == 96 * HOUR_MS


def test_j29_ranks_are_half_a_delta_apart() -> None:
    assert [timing.propose_after_ms(rank, _DELTA_MS) for rank in range(3)] == [0, 15_000, 30_000]
    assert timing.propose_after_ms(3, 5) == 7, "integers only"


def test_r5_a_notarized_block_is_proposed_again_after_two_deltas() -> None:
    assert timing.repropose_after_ms(_DELTA_MS) == 60_000

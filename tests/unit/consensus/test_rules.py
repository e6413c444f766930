"""The vote rules one by one; their play together is explored in tests/reference."""

import pytest

from p2pnode.consensus import rules
from p2pnode.consensus.format import Configuration
from p2pnode.consensus.rules import FRESH, Lock, Mine
from p2pnode.core.crypto import ZERO_HASH

X, Y = b"\x01" * 32, b"\x02" * 32


def _may(kind: str, mine: Mine, *, attempt: int = 0, is_closed: bool = False) -> bool:
    return rules.may_cast(kind, mine, attempt=attempt, is_closed=is_closed)  # type: ignore[arg-type]


def test_r4_one_block_is_notarized_in_a_view() -> None:
    assert _may("N", Mine())
    assert not _may("N", Mine(notarized=X))
    assert _may("N", Mine(is_skipped=True)), "a voter that gave a view up may still help it"
    assert _may("N", Mine(finalized=X))


def test_r3_r6_a_view_is_never_both_skipped_and_finalized() -> None:
    assert _may("S", Mine(notarized=X))
    assert _may("F", Mine(notarized=X))
    for said in (Mine(is_skipped=True), Mine(finalized=X), Mine(X, True), Mine(X, False, X)):
        assert not _may("S", said)
        assert not _may("F", said)


def test_r8_after_closing_nothing_is_said_in_the_first_attempt() -> None:
    for kind in ("N", "S", "F"):
        assert not _may(kind, Mine(), is_closed=True)
        assert _may(kind, Mine(), attempt=1, is_closed=True)


def test_what_was_said_is_remembered() -> None:
    said = rules.after(rules.after(Mine(), "N", X), "F", X)
    assert said == Mine(X, False, X)
    assert rules.after(Mine(), "S", b"") == Mine(None, True, None)


def test_r3_only_what_a_quorum_notarized_is_finalized() -> None:
    assert rules.finalizable(Mine(X), (), attempt=0, is_closed=False) == ()
    assert rules.finalizable(Mine(), (Y,), attempt=0, is_closed=False) == (Y,)
    assert rules.finalizable(Mine(Y, is_skipped=True), (Y,), attempt=0, is_closed=False) == ()
    assert rules.finalizable(Mine(), (Y,), attempt=0, is_closed=True) == ()


@pytest.mark.parametrize(
    ("voters", "liars"), [(1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (31, 10), (200, 66)]
)
def test_the_quorum_is_that_of_the_configuration(voters: int, liars: int) -> None:
    named = tuple((bytes([number]) * 32, b"") for number in range(voters))
    assert rules.quorum_of(voters, liars, 0) == Configuration(named, liars, ZERO_HASH, 0).quorum
    assert rules.quorum_of(voters, liars, 1) == voters // 2 + 1


def test_j19_quorums_share_an_honest_voter_whatever_b_was_kept() -> None:
    for voters in range(1, 60):
        for liars in range(voters):
            quorum = rules.quorum_of(voters, liars, 0)
            assert 2 * quorum - voters >= liars + 1
    # Three voters that were four once keep b = 1: all three have to agree.
    assert rules.quorum_of(3, 1, 0) == 3
    assert rules.quorum_of(3, 0, 0) == 2


def test_two_majorities_of_the_second_attempt_share_a_voter() -> None:
    for voters in range(1, 60):
        assert 2 * rules.majority_of(voters) > voters
        assert not rules.has_reopened(rules.majority_of(voters) - 1, voters)
        assert rules.has_reopened(rules.majority_of(voters), voters)


def _justified(
    view: int,
    justifying_view: int,
    *,
    notarized: tuple[int, ...] = (),
    skipped: tuple[int, ...] = (),
    lock: Lock | None = None,
) -> bool:
    return rules.is_justified(
        view,
        X,
        justifying_view,
        is_notarized=lambda earlier, block: block == X and earlier in notarized,
        is_skipped=lambda earlier: earlier in skipped,
        lock=lock,
    )


def test_r4_a_fresh_block_needs_all_views_before_it_skipped() -> None:
    assert _justified(0, FRESH)
    assert _justified(2, FRESH, skipped=(0, 1))
    assert not _justified(2, FRESH, skipped=(0,))
    assert not _justified(2, FRESH, skipped=(1,))


def test_r4_a_block_again_needs_its_notarization_and_the_skips_since() -> None:
    assert _justified(1, 0, notarized=(0,))
    assert _justified(3, 1, notarized=(1,), skipped=(2,))
    assert not _justified(3, 1, notarized=(1,))
    assert not _justified(3, 1, notarized=(0,), skipped=(0, 1, 2))
    assert not _justified(1, 1, notarized=(1,)), "a view does not justify itself"
    assert not _justified(1, 2, notarized=(2,))
    assert not _justified(1, -2, notarized=(-2,), skipped=(-1, 0))


def test_r9_a_lock_binds_fresh_blocks_of_the_second_attempt() -> None:
    assert _justified(0, FRESH, lock=Lock(3, X))
    assert not _justified(0, FRESH, lock=Lock(3, Y))
    # What this attempt notarized passed the lock before.
    assert _justified(1, 0, notarized=(0,), lock=Lock(3, Y))


def test_r7_a_split_is_seen_when_nobody_can_win() -> None:
    assert not rules.is_split((1, 1), heard=2, voters=4, quorum=3)
    assert rules.is_split((1, 1), heard=3, voters=4, quorum=3)
    assert rules.is_split((2, 2), heard=4, voters=4, quorum=3)
    assert not rules.is_split((2,), heard=3, voters=4, quorum=3)
    assert rules.is_split((), heard=2, voters=4, quorum=3)


def test_r2_a_view_ends_by_notarization_or_by_skips() -> None:
    assert rules.is_over(is_notarized=True, is_skipped=False)
    assert rules.is_over(is_notarized=False, is_skipped=True)
    assert not rules.is_over(is_notarized=False, is_skipped=False)


def test_j32_the_lock_is_the_highest() -> None:
    assert rules.lock_of([]) is None
    assert rules.lock_of([None, None]) is None
    assert rules.lock_of([Lock(0, Y), None, Lock(2, X), Lock(1, Y)]) == Lock(2, X)


def test_r8_nobody_closes_without_showing_what_it_finalized() -> None:
    assert rules.lock_to_declare([], []) == (True, None)
    assert rules.lock_to_declare([Lock(0, X), Lock(2, Y)], [Lock(0, X)]) == (True, Lock(2, Y))
    # The N votes of others were lost in a crash; the own F vote was not.
    assert not rules.lock_to_declare([], [Lock(0, X)])[0]
    assert not rules.lock_to_declare([Lock(0, X)], [Lock(1, X)])[0]


def test_r9_only_the_silent_are_suspended_and_only_in_the_second_attempt() -> None:
    assert rules.may_suspend((), (), 0)
    assert not rules.may_suspend((X,), (), 0)
    assert rules.may_suspend((X,), (Y,), 1)
    assert not rules.may_suspend((X, Y), (Y,), 1)


def test_votes_of_others_than_voters_do_not_count() -> None:
    assert rules.counts(X, (X, Y))
    assert not rules.counts(b"\x03" * 32, (X, Y))


def test_j20_a_decision_with_recovery_keys_says_so() -> None:
    assert rules.finality_class(0, is_recovered=False) == "ordinary"
    assert rules.finality_class(1, is_recovered=False) == "convoked"
    assert rules.finality_class(1, is_recovered=True) == "recovered"

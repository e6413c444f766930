"""Who belongs to a group; the many small cases are in tests/vectors/state.json."""

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core.crypto import SigningKey
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.governance.inception import Inception
from p2pnode.governance.joining import admit
from p2pnode.governance.leaving import end_membership
from p2pnode.governance.state import fold, may_admit
from p2pnode.governance.tables import member_of_device
from p2pnode.vocabulary import execute_entry
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CAROL,
    CIRCLE,
    EVE,
    START_MS,
    circle_charter,
    founding_of,
    inception_of,
    link_of,
)
from tests.vectors.cases.state import SOON_MS, TOO_LATE_MS, join_of, leave_of


def test_j21_a_join_by_a_members_invitation_is_admitted_at_once() -> None:
    founded = fold(CIRCLE, [], [])
    join = join_of(BOB)
    assert may_admit(founded, join) is None
    state = fold(CIRCLE, [], [join])
    assert (state.standing(ALICE.public), state.standing(BOB.public), state.standing(EVE.public)) == (
        "member", "provisional", None,
    )  # fmt: skip
    assert state.outcomes[join.id].state == "provisional"


def test_j21_a_decided_join_makes_a_member() -> None:
    join = join_of(BOB)
    state = fold(CIRCLE, [(join, SOON_MS)], [])
    member = state.member_of(BOB.public)
    assert member is not None
    assert (member.status, member.joined_entry) == ("member", join.id)
    assert member.invited_by == inception_of(ALICE).member_id
    assert member.id == inception_of(BOB).member_id


def test_j21_uses_and_expiry_are_judged_by_the_order() -> None:
    # The newcomer's own clock says it was in time; the decision came too late.
    join = join_of(BOB)
    assert may_admit(fold(CIRCLE, [], []), join) is None
    assert fold(CIRCLE, [(join, TOO_LATE_MS)], []).outcomes[join.id].rule == "invite.expired"
    first, second = join_of(BOB), join_of(CAROL)
    for order in ([first, second], [second, first]):
        state = fold(CIRCLE, [(entry, SOON_MS) for entry in order], [])
        assert [state.outcomes[entry.id].rule for entry in order] == [None, "invite.spent"]
        assert state.standing(order[1].author) is None


def test_j21_only_final_members_invite() -> None:
    bob, carol = join_of(BOB), join_of(CAROL, link_of(BOB, seed=b"\x06" * 32))
    waiting = fold(CIRCLE, [], [bob])
    assert may_admit(waiting, carol) == "join.inviter_no_member"
    assert may_admit(fold(CIRCLE, [(bob, SOON_MS)], []), carol) is None


def test_j21_a_rule_that_needs_people_makes_a_petition() -> None:
    for admission in ("decision", "sponsors"):
        founding = founding_of(ALICE, charter=circle_charter(admission=admission))
        join = join_of(BOB, link_of(group=founding.group, rule=admission))
        assert may_admit(fold(founding, [], []), join) == f"join.needs_{admission}"
        for state in (fold(founding, [], [join]), fold(founding, [(join, SOON_MS)], [])):
            assert state.outcomes[join.id].state == "petition"
            assert state.standing(BOB.public) is None


def test_j19_leaving_is_never_refused() -> None:
    state = fold(CIRCLE, [(leave_of(ALICE), SOON_MS)], [])
    assert state.standing(ALICE.public) == "removed"
    assert state.voters == (ALICE.public,)


def test_a_leave_counts_at_once_because_nobody_may_refuse_it() -> None:
    bob, leave = join_of(BOB), leave_of(BOB)
    waiting = fold(CIRCLE, [(bob, SOON_MS)], [leave])
    assert waiting.standing(BOB.public) == "removed"
    assert waiting.outcomes[leave.id].state == "provisional"
    assert fold(CIRCLE, [], [bob, leave]).standing(BOB.public) == "removed"
    assert fold(CIRCLE, [(bob, SOON_MS), (leave, SOON_MS)], []).standing(BOB.public) == "removed"


def test_whoever_left_may_come_back_by_a_new_invitation() -> None:
    again = join_of(BOB, link_of(seed=b"\x08" * 32), seq=2, prev=b"\x12" * 32, depth=2)
    steps = [(join_of(BOB), SOON_MS), (leave_of(BOB), SOON_MS), (again, SOON_MS)]
    state = fold(CIRCLE, steps, [])
    assert state.standing(BOB.public) == "member"
    assert len(state.members) == 2


def test_what_came_twice_counts_once() -> None:
    bob = join_of(BOB)
    assert fold(CIRCLE, [(bob, SOON_MS), (bob, SOON_MS)], [bob]) == fold(CIRCLE, [(bob, SOON_MS)], [])


def test_folding_changes_nothing_that_was_folded() -> None:
    before = fold(CIRCLE, [], [])
    after = fold(CIRCLE, [(join_of(BOB), SOON_MS)], [join_of(CAROL)])
    assert (len(before.members), len(after.members)) == (1, 2)
    assert before.standing(BOB.public) is None


def test_a_full_group_admits_nobody() -> None:
    rows = State(fold(CIRCLE, [], []).rows)
    context = BlockContext(CIRCLE.group, 1, SOON_MS, CIRCLE.group)
    for number in range(MEMBERS_MAX - 1):
        inception = Inception(SigningKey(number.to_bytes(32, "big")).public, bytes(32))
        admit(rows, inception, inception_of(ALICE).member_id, bytes(32), context)
    assert execute_entry(rows, join_of(BOB), context) == "group.full"
    end_membership(rows, member_of_device(rows, SigningKey(bytes(32)).public)[0], "left", context)
    assert execute_entry(rows, join_of(BOB), context) is None


def test_the_state_answers() -> None:
    state = fold(CIRCLE, [], [])
    assert (state.name, state.public, state.group) == ("Circle of the Wells", True, CIRCLE.id)
    assert state.charter == state.founding.charter
    assert CIRCLE.header.time_ms == START_MS

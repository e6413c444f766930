"""Who votes: readiness, grants, the rate, leaving and coming back, dormancy, the second convocation."""

import pytest

from p2pnode.consensus.convocation import closing_message
from p2pnode.consensus.rules import Lock
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.governance import leaving, tables, voters
from p2pnode.governance.council import NOTICE_MS, Wanting, wanting
from p2pnode.governance.dormancy import DAY_MS, SILENT_BLOCKS_MIN
from p2pnode.governance.voters import SeenClose, Suspend
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import ALICE, BOB, CAROL, EVE

DAY = 24
PEOPLE = [key(number) for number in range(12)]


def _large(voting: int, **settings: object) -> Chain:
    """A group with so many founders, all of them voters."""
    return Chain(*PEOPLE[:voting], **settings)


def test_whom_a_founder_invited_votes_once_ready() -> None:
    chain = Chain(ALICE)
    chain.admit(BOB, by=ALICE)
    assert not chain.votes(BOB)
    assert chain.run(chain.ready(BOB)) == [""]
    assert chain.votes(BOB)
    assert chain.configuration.voters == tuple(
        sorted([(id_of(ALICE), ALICE.public), (id_of(BOB), BOB.public)])
    )


def test_j22_membership_is_not_the_voting_role() -> None:
    chain = Chain(ALICE)
    chain.admit(BOB, by=ALICE)
    chain.admit(CAROL, by=BOB)
    assert chain.run(chain.ready(CAROL)) == [""]
    assert not chain.votes(CAROL), "invited by no founder, and nobody decided"
    assert chain.run(decide=[("voting_role", {"give": True, "member": id_of(CAROL)})]) == [""]
    assert chain.votes(CAROL)


def test_j22_whom_a_removed_founder_invited_needs_a_decision() -> None:
    chain = Chain(ALICE, BOB)
    chain.admit(CAROL, by=BOB)
    chain.run(chain.ready(CAROL), decide=[("remove", {"member": id_of(BOB)})])
    assert not chain.votes(CAROL)


def test_j22_asking_and_granting_may_come_in_either_order() -> None:
    ways = []
    for grant_first in (True, False):
        chain = Chain(ALICE)
        chain.admit(BOB, by=ALICE)
        chain.admit(CAROL, by=BOB)
        grant = ("voting_role", {"give": True, "member": id_of(CAROL)})
        if grant_first:
            chain.run(decide=[grant])
            chain.run(chain.ready(CAROL))
        else:
            chain.run(chain.ready(CAROL))
            chain.run(decide=[grant])
        ways.append(chain.configuration.voters)
    assert ways[0] == ways[1]
    assert len(ways[0]) == 2


def test_j22_four_voters_come_by_themselves_and_no_fifth() -> None:
    chain = Chain(ALICE)
    people = PEOPLE[:5]
    chain.admit(*people, by=ALICE)
    chain.run(*[chain.ready(person) for person in people])
    assert len(chain.voter_ids) == 4
    late = next(person for person in people if not chain.votes(person))
    chain.run(decide=[("voting_role", {"give": True, "member": id_of(late)})])
    assert chain.votes(late)


@pytest.mark.parametrize(("founders", "a_month"), [(4, 1), (6, 2), (9, 3)])
def test_j22_the_rate_of_new_voters_is_a_third_in_thirty_days(founders: int, a_month: int) -> None:
    chain = _large(founders)
    newcomers = [key(100 + number) for number in range(a_month + 1)]
    chain.admit(*newcomers, by=PEOPLE[0])
    grants = [("voting_role", {"give": True, "member": id_of(person)}) for person in newcomers]
    chain.run(*[chain.ready(person) for person in newcomers], decide=grants)
    assert len(chain.voter_ids) == founders + a_month
    chain.run(hours=29 * DAY)
    assert len(chain.voter_ids) == founders + a_month
    chain.run(hours=2 * DAY)
    assert len(chain.voter_ids) == founders + a_month + 1


def test_j22_readiness_needs_a_block_of_ones_own_time() -> None:
    chain = Chain(ALICE)
    chain.admit(BOB, by=ALICE)
    early = chain.entry(BOB, voters.READY_TYPE, voters.encode_ready(0))
    late = chain.entry(BOB, voters.READY_TYPE, voters.encode_ready(chain.height + 1))
    assert chain.run(early, late) == ["voter.bad_height"] * 2
    ready = chain.ready(BOB)
    assert chain.run(ready, chain.ready(BOB), chain.ready(ALICE)) == ["", "", "voter.already"]


def test_j19_admissions_raise_the_tolerated_liars_and_absence_does_not_lower_them() -> None:
    chain = Chain(ALICE)
    chain.admit(BOB, CAROL, EVE, by=ALICE)
    assert chain.configuration.lying_voters == 0
    chain.run(chain.ready(BOB), chain.ready(CAROL))
    assert chain.configuration.lying_voters == 0
    chain.run(chain.ready(EVE))
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (4, 1)
    chain.run(chain.entry(EVE, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave())))
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (3, 1)


def test_j19_a_new_voter_in_a_shrunken_group_lowers_nothing() -> None:
    chain = _large(7)
    rest = [chain.entry(person, voters.AWAY_TYPE, voters.encode_leave()) for person in PEOPLE[4:7]]
    chain.run(*rest)
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (4, 2)
    chain.run(chain.entry(PEOPLE[4], voters.RETURN_TYPE, voters.encode_return()))
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (5, 2)


def test_j19_a_decision_lowers_the_tolerated_liars() -> None:
    chain = Chain(ALICE, BOB, CAROL, EVE)
    assert chain.configuration.lying_voters == 1
    assert chain.run(decide=[("lying_voters", {"lying_voters": 0})]) == [""]
    assert chain.configuration.lying_voters == 0
    assert chain.run(decide=[("lying_voters", {"lying_voters": 4})]) == ["decision.no_quorum"]
    assert chain.configuration.lying_voters == 0


def test_j19_a_charters_number_stays_whoever_comes() -> None:
    chain = Chain(ALICE, BOB, lying_voters=0)
    chain.admit(CAROL, EVE, by=ALICE)
    chain.run(chain.ready(CAROL), chain.ready(EVE))
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (4, 0)


def test_j19_a_leave_that_would_stop_the_group_lowers_explicitly_or_goes_later() -> None:
    # Two voters that survive one liar: one alone could not reach its quorum of two.
    for lowering, expected in ((0, (1, 0)), (None, (2, 1)), (1, (2, 1))):
        chain = Chain(ALICE, BOB, lying_voters=1)
        leave = leaving.encode(leaving.Leave(lowering))
        assert chain.run(chain.entry(BOB, leaving.LEAVE_TYPE, leave)) == [""]
        row = tables.member(chain.rows, id_of(BOB))
        assert row is not None
        assert row.status == "left", "leaving is never refused"
        assert (len(chain.voter_ids), chain.configuration.lying_voters) == expected


def test_j19_a_leave_lowers_nothing_that_need_not_be() -> None:
    chain = Chain(ALICE, BOB, CAROL, EVE)
    chain.run(chain.entry(EVE, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave(0))))
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (3, 1)


def test_the_last_voter_votes_until_another_one_is_there() -> None:
    chain = Chain(ALICE)
    chain.admit(BOB, by=ALICE)
    chain.run(chain.entry(ALICE, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave())))
    assert chain.voter_ids == [id_of(ALICE)]
    chain.run(chain.ready(BOB))
    assert chain.voter_ids == [id_of(BOB)]


def test_a_voter_may_rest_and_come_back() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    assert chain.run(chain.entry(CAROL, voters.AWAY_TYPE, voters.encode_leave())) == [""]
    assert not chain.votes(CAROL)
    assert tables.is_in_good_standing(chain.rows, id_of(CAROL)), "the political vote stays"
    assert chain.run(chain.ready(CAROL)) == ["voter.away"]
    rest = chain.entry(CAROL, voters.AWAY_TYPE, voters.encode_leave())
    back = chain.entry(CAROL, voters.RETURN_TYPE, voters.encode_return())
    again = chain.entry(CAROL, voters.RETURN_TYPE, voters.encode_return())
    assert chain.run(rest, back, again) == ["voter.no_voter", "", "voter.not_away"]
    assert chain.votes(CAROL)


def test_the_epoch_rises_exactly_when_the_configuration_changes() -> None:
    chain = Chain(ALICE)
    assert chain.configuration.epoch == 0
    chain.admit(BOB, by=ALICE)
    assert chain.configuration.epoch == 0, "a member more is no voter more"
    chain.run(chain.ready(BOB))
    assert chain.configuration.epoch == 1
    chain.run()
    assert chain.configuration.epoch == 1
    chain.run(decide=[("amend", {"charter": {"purpose": "bread"}})])
    assert chain.configuration.epoch == 2
    assert chain.configuration.charter_hash == tables.charter(chain.rows).hash


def test_j22_above_the_council_size_only_the_elected_get_the_role() -> None:
    chain = Chain(*PEOPLE[:4], council_above=4)
    chain.admit(BOB, CAROL, by=PEOPLE[0])
    chain.run(chain.ready(BOB), decide=[("voting_role", {"give": True, "member": id_of(BOB)})])
    assert not chain.votes(BOB)
    elected = [id_of(person) for person in (*PEOPLE[:2], BOB)]
    chain.run(decide=[("council", {"members": elected, "until_ms": chain.time_ms + 365 * DAY_MS})])
    assert chain.votes(BOB)
    assert chain.voter_ids == sorted(elected), "those who were not elected hand over"
    back = chain.entry(PEOPLE[2], voters.RETURN_TYPE, voters.encode_return())
    assert chain.run(back) == ["voter.council"]


def test_j22_the_old_voters_stay_until_two_thirds_of_the_council_vote() -> None:
    chain = Chain(*PEOPLE[:4], council_above=4)
    newcomers = [BOB, CAROL, EVE]
    chain.admit(*newcomers, by=PEOPLE[0])
    elected = [id_of(person) for person in newcomers]
    chain.run(decide=[("council", {"members": elected, "until_ms": chain.time_ms + 365 * DAY_MS})])
    assert len(chain.voter_ids) == 4, "nobody of the council is ready yet"
    chain.run(*[chain.ready(person) for person in newcomers])
    assert len(chain.voter_ids) == 5, "one in thirty days"
    for _ in range(2):
        chain.run(hours=31 * DAY)
    assert chain.voter_ids == sorted(elected)


def test_j22_a_council_whose_term_is_over_orders_until_another_is_elected_and_is_reported() -> None:
    chain = Chain(*PEOPLE[:4], council_above=4)
    assert wanting(chain.rows, chain.time_ms) is None
    chain.admit(BOB, CAROL, by=PEOPLE[0])
    assert wanting(chain.rows, chain.time_ms) == Wanting("council.none")
    chain.run(chain.ready(BOB))
    elected = [id_of(person) for person in (*PEOPLE[:2], BOB)]
    until_ms = chain.time_ms + 60 * DAY_MS
    chain.run(decide=[("council", {"members": elected, "until_ms": until_ms})])
    assert wanting(chain.rows, chain.time_ms) is None
    assert wanting(chain.rows, until_ms - NOTICE_MS) == Wanting("council.ending", until_ms)
    chain.run(hours=61 * DAY)
    assert wanting(chain.rows, chain.time_ms) == Wanting("council.over", until_ms)
    assert chain.voter_ids == sorted(elected), "it goes on until another is elected"
    again = [id_of(person) for person in (PEOPLE[0], PEOPLE[2], BOB)]
    back = chain.time_ms + 365 * DAY_MS
    chain.run(decide=[("council", {"members": again, "until_ms": back})])
    chain.run(hours=31 * DAY)
    assert chain.voter_ids == sorted(again)
    assert wanting(chain.rows, chain.time_ms) is None


def test_j22_a_council_that_lost_many_of_its_members_is_reported() -> None:
    chain = Chain(*PEOPLE[:4], council_above=4)
    chain.admit(BOB, CAROL, EVE, by=PEOPLE[0])
    chain.run(chain.ready(BOB))
    elected = [id_of(person) for person in (*PEOPLE[:2], BOB)]
    until_ms = chain.time_ms + 365 * DAY_MS
    chain.run(decide=[("council", {"members": elected, "until_ms": until_ms})])
    gone = (id_of(PEOPLE[0]), id_of(PEOPLE[1]))
    chain.run(decide=[("remove", {"member": member}) for member in gone])
    vacant = tuple(sorted(gone))
    assert wanting(chain.rows, chain.time_ms) == Wanting("council.vacant", until_ms, vacant)


def test_j22_a_group_that_has_become_small_needs_no_council_any_more() -> None:
    chain = Chain(*PEOPLE[:4], council_above=4)
    chain.admit(BOB, by=PEOPLE[0])
    elected = [id_of(person) for person in PEOPLE[:3]]
    body = {"members": elected, "until_ms": chain.time_ms + 365 * DAY_MS}
    chain.run(decide=[("council", body)])
    assert chain.voter_ids == sorted(elected)
    chain.run(decide=[("remove", {"member": id_of(PEOPLE[3])})])
    chain.run(chain.ready(BOB), decide=[("voting_role", {"give": True, "member": id_of(BOB)})])
    assert chain.votes(BOB)
    chain.run()
    assert chain.votes(BOB), "no old council turns it out"
    assert wanting(chain.rows, chain.time_ms) is None


# ---- J26: dormancy


def _silent(chain: Chain, silent: list[SigningKey], blocks: int, hours: int) -> None:
    """Blocks that everybody but some people signs."""
    there = [person for person in PEOPLE if chain.votes(person) and person not in silent]
    for _ in range(blocks):
        chain.run(hours=hours, signers=there)


def test_j26_a_silent_voter_becomes_dormant_and_comes_back_by_publishing_anything() -> None:
    chain = _large(5)
    _silent(chain, [PEOPLE[4]], 8, 4 * DAY)
    assert not chain.votes(PEOPLE[4])
    row = tables.away(chain.rows, id_of(PEOPLE[4]))
    assert row is not None
    assert row.reason == "dormant"
    chain.run(moved=[PEOPLE[4]])
    assert chain.votes(PEOPLE[4])


@pytest.mark.parametrize(
    ("blocks", "hours", "why"),
    [
        (SILENT_BLOCKS_MIN - 1, 5 * DAY, "too few blocks"),
        (29, DAY, "not thirty days"),
        (400, 0, "one day"),
    ],
)
def test_j26_silence_is_long_in_blocks_days_and_time(blocks: int, hours: int, why: str) -> None:
    chain = _large(5)
    _silent(chain, [PEOPLE[4]], blocks, hours)
    assert chain.votes(PEOPLE[4]), why


def test_j26_seven_distinct_days() -> None:
    # Thirty-two days, many blocks, but on six distinct days only.
    chain = _large(5)
    for _ in range(5):
        _silent(chain, [PEOPLE[4]], 1, 6 * DAY)
        _silent(chain, [PEOPLE[4]], 4, 0)
    _silent(chain, [PEOPLE[4]], 1, 2 * DAY)
    assert chain.votes(PEOPLE[4])
    _silent(chain, [PEOPLE[4]], 1, DAY)
    assert not chain.votes(PEOPLE[4])


def test_j26_a_signature_or_an_entry_is_being_heard() -> None:
    for moved in (True, False):
        chain = _large(5)
        others = PEOPLE[:4]
        for turn in range(20):
            is_heard = turn == 10
            signers = others + ([PEOPLE[4]] if is_heard and not moved else [])
            chain.run(hours=2 * DAY, signers=signers, moved=[PEOPLE[4]] if is_heard and moved else [])
        assert chain.votes(PEOPLE[4])


def test_j26_one_dormancy_a_week_and_never_below_the_floor() -> None:
    chain = _large(7)
    silent = PEOPLE[3:7]
    _silent(chain, silent, 8, 4 * DAY)
    assert len(chain.voter_ids) == 6
    _silent(chain, silent, 1, 6 * DAY)
    assert len(chain.voter_ids) == 6, "within seven days"
    _silent(chain, silent, 1, 2 * DAY)
    assert len(chain.voter_ids) == 5
    _silent(chain, silent, 10, 8 * DAY)
    assert len(chain.voter_ids) == 4, "half of seven members, rounded up"


def test_j26_three_voters_stay_whoever_is_silent() -> None:
    chain = _large(3)
    _silent(chain, [PEOPLE[2]], 20, 4 * DAY)
    assert len(chain.voter_ids) == 3


def test_j26_the_longest_silent_goes_first() -> None:
    for first, second in ((4, 5), (5, 4)):
        chain = _large(6)
        chain.run(hours=DAY, signers=[*PEOPLE[:4], PEOPLE[second]])
        _silent(chain, PEOPLE[4:6], 9, DAY)
        assert len(chain.voter_ids) == 6
        _silent(chain, PEOPLE[4:6], 1, 40 * DAY)
        assert (chain.votes(PEOPLE[first]), chain.votes(PEOPLE[second])) == (False, True)


# ---- the second convocation


def _suspend(
    chain: Chain,
    absent: list[SigningKey],
    closers: list[SigningKey],
    *,
    height: int | None = None,
    lock: Lock | None = None,
    signed_height: int | None = None,
) -> Entry:
    now = height or chain.height + 1
    message = closing_message(chain.group, chain.configuration.epoch, signed_height or now, lock)
    closes = sorted(SeenClose(id_of(person), lock, person.sign(message)) for person in closers)
    ids = sorted(id_of(person) for person in absent)
    payload = voters.encode_suspend(Suspend(now, tuple(ids), tuple(closes)))
    return chain.entry(PEOPLE[0], voters.SUSPEND_TYPE, payload)


def test_j32_a_majority_that_closed_suspends_who_did_not_answer() -> None:
    chain = _large(5)
    suspend = _suspend(chain, PEOPLE[3:5], PEOPLE[:3])
    expected = tuple(sorted(id_of(person) for person in PEOPLE[3:5]))
    assert voters.suspended_in([suspend, chain.entry(PEOPLE[0], "ack", b"")]) == expected
    assert chain.run(suspend) == [""]
    assert (len(chain.voter_ids), chain.configuration.lying_voters) == (3, 1)
    assert chain.configuration.quorum == 3
    chain.run(moved=[PEOPLE[3]])
    assert chain.votes(PEOPLE[3])


def test_j32_closes_may_name_a_lock() -> None:
    chain = _large(5)
    assert chain.run(_suspend(chain, PEOPLE[4:5], PEOPLE[:3], lock=Lock(2, b"\x66" * 32))) == [""]


def test_j32_an_old_suspension_holds_nowhere_else() -> None:
    chain = _large(5)
    suspend = _suspend(chain, PEOPLE[3:5], PEOPLE[:3])
    chain.run()
    before = chain.configuration.voters
    assert chain.run(suspend) == ["voter.other_height"]
    assert chain.run(_suspend(chain, PEOPLE[3:5], PEOPLE[:3], signed_height=1)) == ["voter.false_close"]
    assert chain.configuration.voters == before


@pytest.mark.parametrize(
    ("absent", "closers", "rule"),
    [
        ([3, 7], [0, 1, 2], "voter.no_voter"),
        ([3, 4], [0, 1], "voter.not_convoked"),
        ([2, 3, 4], [0, 1, 2, 3], "voter.not_convoked"),
        ([3, 4], [0, 1, 7], "voter.false_close"),
    ],
)
def test_j32_nobody_is_suspended_without_a_majority_of_closes(
    absent: list[int], closers: list[int], rule: str
) -> None:
    chain = _large(5)
    before = chain.configuration.voters
    entry = _suspend(chain, [PEOPLE[one] for one in absent], [PEOPLE[one] for one in closers])
    assert chain.run(entry) == [rule]
    assert chain.configuration.voters == before


def test_j32_a_suspension_leaves_a_quorum() -> None:
    chain = _large(3, lying_voters=2)
    assert chain.run(_suspend(chain, PEOPLE[2:3], PEOPLE[:2])) == ["voter.no_quorum"]

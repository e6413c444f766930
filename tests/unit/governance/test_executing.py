"""Executing entries: authors, unknown types, petitions and sponsors, decisions carried out, the view."""

from dataclasses import replace

import pytest

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.entry_type import EntryType
from p2pnode.core.ids import DeviceKey, did_of
from p2pnode.governance import (
    devices,
    epoch_key,
    executing,
    joining,
    leaving,
    roles,
    sealed,
    sponsoring,
    tables,
    voters,
)
from p2pnode.governance.epoch_key import EpochKey
from p2pnode.governance.executing import LaterRules, check_rules
from p2pnode.governance.state import GroupState, may_admit, state_of
from p2pnode.vocabulary import TYPES, execute_entry
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import ALICE, BOB, CAROL, DAY_MS, EVE

DAY = 24


def _status(chain: Chain, person: SigningKey) -> str | None:
    row = tables.member(chain.rows, id_of(person))
    return None if row is None else row.status


def _leave(chain: Chain, person: SigningKey) -> Entry:
    return chain.entry(person, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))


def _sponsor(chain: Chain, person: SigningKey, join: Entry) -> Entry:
    return chain.entry(person, sponsoring.SPONSOR_TYPE, sponsoring.encode(join.id))


# ---- authors


def test_only_members_are_heard() -> None:
    chain = Chain(ALICE, BOB)
    assert chain.run(chain.entry(EVE, "ack", b""), chain.entry(BOB, "ack", b"")) == ["author.no_member", ""]
    assert chain.run(_leave(chain, BOB), chain.entry(BOB, "ack", b"")) == ["", "author.no_member"]
    assert chain.run(_leave(chain, BOB)) == ["leave.no_member"]


def test_a_newcomer_is_heard_from_its_join_on() -> None:
    chain = Chain(ALICE)
    assert chain.run(chain.join(BOB, ALICE), chain.entry(BOB, "ack", b"")) == ["", ""]


def test_a_type_in_a_wrong_lane_and_a_broken_payload_are_void() -> None:
    chain = Chain(ALICE)
    wrong = chain.entry(ALICE, "ack", b"", lane=2)
    broken = chain.entry(ALICE, leaving.LEAVE_TYPE, b"\xc0")
    assert chain.run(wrong, broken) == ["type.wrong_lane", "leave.bad_field"]
    assert _status(chain, ALICE) == "member"


# ---- J6: rule versions


def _later_type(chain: Chain) -> None:
    """A type of the second rule version, which gives its author a role."""

    def execute(state: State, entry: Entry, _: BlockContext) -> str | None:
        author = tables.author_of(state, entry.author)
        assert author is not None
        if roles.has_role(state, author[0], "later"):
            return "later.twice"
        roles.put_role(state, author[0], "later", 0)
        return None

    chain.types["later"] = EntryType("later", frozenset({0}), lambda payload: None, execute=execute, since=2)


def test_j6_entries_of_later_types_are_parked_and_run_by_the_block_that_raises_the_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executing, "RULE_VERSION", 2)
    monkeypatch.setattr(executing.check_version, "__defaults__", (2,))
    chain = Chain(ALICE, BOB)
    _later_type(chain)
    entries = [
        chain.entry(ALICE, "later", b""),
        chain.entry(BOB, "later", b""),
        chain.entry(ALICE, "later", b""),
    ]
    unknown = chain.entry(ALICE, "still.unknown", b"")
    assert chain.run(*entries, unknown) == ["type.unknown"] * 4
    assert not roles.has_role(chain.rows, id_of(ALICE), "later")
    outcomes = chain.run(decide=[("rule_version", {"version": 2})])
    assert outcomes == ["", "", "later.twice", ""]
    assert roles.holders(chain.rows, "later") == sorted([id_of(ALICE), id_of(BOB)])
    assert len(list(tables.scan(chain.rows, "parked"))) == 1, "what no version knows yet stays parked"
    assert chain.run(chain.entry(BOB, "later", b"")) == ["later.twice"]


def test_j6_a_thousand_entries_are_parked_and_strangers_park_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executing, "PARKED_MAX", 3)
    chain = Chain(ALICE)
    entries = [chain.entry(ALICE, "unknown", b"") for _ in range(5)]
    assert chain.run(chain.entry(EVE, "unknown", b""), *entries) == ["type.unknown"] * 6
    parked = [value[0] for _, value in tables.scan(chain.rows, "parked")]
    assert parked == [entry.header_bytes for entry in entries[:3]]


def test_j6_a_program_that_lacks_the_version_does_not_execute() -> None:
    chain = Chain(ALICE)
    check_rules(chain.rows)
    before = chain.rows
    with pytest.raises(LaterRules, match="update"):
        chain.run(decide=[("rule_version", {"version": 2})])
    assert chain.rows is before
    state = State(chain.rows)
    tables.write(state, tables.RULE_VERSION_KEY, 2)
    with pytest.raises(LaterRules):
        check_rules(state)
    assert chain.run(decide=[("rule_version", {"version": 1})]) == ["decision.older_version"]


# ---- J21: petitions and sponsors


def test_j21_two_sponsors_admit_a_newcomer() -> None:
    chain = Chain(ALICE, BOB, CAROL, admission="sponsors")
    join = chain.join(EVE, ALICE)
    assert chain.run(join) == ["join.needs_sponsors"]
    assert _status(chain, EVE) is None
    outcomes = chain.run(_sponsor(chain, ALICE, join), _sponsor(chain, ALICE, join))
    assert outcomes == ["", "sponsor.twice"]
    assert _status(chain, EVE) is None
    assert chain.run(_sponsor(chain, CAROL, join), _sponsor(chain, BOB, join)) == ["", "sponsor.no_petition"]
    assert _status(chain, EVE) == "member"


def test_j21_sponsors_count_in_any_order_and_only_while_they_are_members() -> None:
    chain = Chain(ALICE, BOB, CAROL, admission="sponsors")
    join = chain.join(EVE, ALICE)
    chain.run(join)
    chain.run(_sponsor(chain, BOB, join), _leave(chain, BOB))
    chain.run(_sponsor(chain, CAROL, join))
    assert _status(chain, EVE) is None
    assert chain.run(_sponsor(chain, EVE, join)) == ["author.no_member"]
    chain.run(_sponsor(chain, ALICE, join))
    assert _status(chain, EVE) == "member"


def test_j21_a_decision_admits_a_petition_once() -> None:
    chain = Chain(ALICE, BOB, admission="decision")
    join = chain.join(EVE, ALICE)
    assert chain.run(join, _sponsor(chain, BOB, join)) == ["join.needs_decision", "sponsor.no_petition"]
    admit = ("admit", {"join": bytes(join.id)})
    assert chain.run(decide=[admit, admit]) == ["", "admit.no_petition"]
    assert _status(chain, EVE) == "member"
    assert tables.roll(chain.rows) == (3, 3)


def test_j21_petitions_use_their_invitation_and_are_bounded() -> None:
    chain = Chain(ALICE, BOB, admission="decision")
    people = [key(200 + number) for number in range(joining.PETITIONS_OF_INVITER_MAX + 1)]
    outcomes = chain.run(*[chain.join(person, ALICE) for person in people])
    assert outcomes == ["join.needs_decision"] * (len(people) - 1) + ["petition.too_many"]
    assert chain.run(chain.join(EVE, BOB)) == ["join.needs_decision"], "another inviter has room"
    chain.run(hours=61 * DAY)
    assert list(tables.petitions(chain.rows)) == [], "nobody took them up in two months"
    assert chain.run(chain.join(people[-1], ALICE)) == ["join.needs_decision"]


def test_j21_a_spent_invitation_stays_spent_until_it_expires_anyway() -> None:
    chain = Chain(ALICE)
    fields = {"expiry_ms": chain.time_ms + 2 * DAY_MS}
    first = chain.join(BOB, ALICE, **fields)
    chain._seeds -= 1
    assert chain.run(first, chain.join(CAROL, ALICE, **fields)) == ["", "invite.spent"]
    chain._seeds -= 1
    late = chain.join(EVE, ALICE, **fields)
    chain.run(hours=3 * DAY)
    assert list(tables.scan(chain.rows, "invitation")) == []
    assert chain.run(late) == ["invite.expired"]


def test_the_removed_come_back_by_a_decision_only() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    assert chain.run(decide=[("remove", {"member": id_of(BOB)})]) == [""]
    assert (_status(chain, BOB), chain.votes(BOB)) == ("removed", False)
    again = chain.join(BOB, ALICE)
    assert chain.run(again) == ["join.needs_decision"]
    assert chain.run(decide=[("admit", {"join": bytes(again.id)})]) == [""]
    assert _status(chain, BOB) == "member"
    assert not chain.votes(BOB), "the voting role does not come back by itself"


# ---- decisions


def test_a_removal_takes_effect_whatever_the_others_tolerate() -> None:
    chain = Chain(ALICE, BOB, lying_voters=1)
    assert chain.run(decide=[("remove", {"member": id_of(BOB)})]) == [""]
    assert chain.voter_ids == [id_of(ALICE)]
    assert chain.configuration.lying_voters == 0
    assert chain.run(decide=[("remove", {"member": id_of(BOB)})]) == ["decision.no_member"]


def test_the_suspended_have_no_vote_of_either_kind_for_a_while() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    assert chain.run(decide=[("suspend", {"days": 10, "member": id_of(BOB)})]) == [""]
    assert not chain.votes(BOB)
    assert not tables.is_in_good_standing(chain.rows, id_of(BOB))
    assert chain.run(chain.join(EVE, BOB)) == ["join.inviter_no_member"]
    back = chain.entry(BOB, "voter.return", b"\x80")
    assert chain.run(back) == ["voter.suspended"]
    chain.run(hours=10 * DAY)
    assert tables.is_in_good_standing(chain.rows, id_of(BOB))
    assert chain.run(chain.entry(BOB, "voter.return", b"\x80")) == [""]
    assert chain.votes(BOB)


def test_the_suspended_sponsor_nobody() -> None:
    chain = Chain(ALICE, BOB, CAROL, admission="sponsors")
    join = chain.join(EVE, ALICE)
    chain.run(join, decide=[("suspend", {"days": 10, "member": id_of(BOB)})])
    assert chain.run(_sponsor(chain, BOB, join)) == ["sponsor.no_member"]


def test_a_suspension_is_lifted_by_a_decision() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    reinstate = ("reinstate", {"member": id_of(BOB)})
    assert chain.run(decide=[reinstate]) == ["decision.not_suspended"]
    chain.run(decide=[("suspend", {"days": 10, "member": id_of(BOB)})])
    assert chain.run(decide=[reinstate]) == [""]
    assert tables.is_in_good_standing(chain.rows, id_of(BOB))


def test_the_charter_changes_by_decision() -> None:
    chain = Chain(ALICE, BOB)
    steward = did_of(EVE.public)
    changes = {"name": "Circle of the Rivers", "stewards": [steward]}
    assert chain.run(decide=[("amend", {"charter": changes})]) == [""]
    charter = tables.charter(chain.rows)
    assert (charter.name, charter.stewards) == ("Circle of the Rivers", (EVE.public,))
    assert chain.run(decide=[("amend", {"charter": {"sponsors": 0}})]) == ["charter.bad_field"]
    assert tables.charter(chain.rows) == charter


def test_j19_the_charters_number_of_liars_is_set_by_decision_only_where_a_quorum_is_left() -> None:
    chain = Chain(ALICE, BOB, CAROL, EVE)
    assert chain.run(decide=[("amend", {"charter": {"lying_voters": 4}})]) == ["decision.no_quorum"]
    assert chain.run(decide=[("amend", {"charter": {"lying_voters": 0}})]) == [""]
    assert chain.configuration.lying_voters == 0
    assert chain.run(decide=[("amend", {"charter": {"lying_voters": "auto"}})]) == [""]
    assert chain.configuration.lying_voters == 0, "the next new voter raises it"


def test_roles_are_given_for_a_term_and_to_so_many() -> None:
    chain = Chain(ALICE, BOB, roles={"treasurer": {"holders_max": 1, "term_days": 30}})
    give = {"give": True, "member": id_of(BOB), "role": "treasurer"}
    assert chain.run(decide=[("role", give), ("role", {**give, "member": id_of(ALICE)})]) == [
        "",
        "decision.role_is_taken",
    ]
    assert roles.roles_of(chain.rows, id_of(BOB)) == ("treasurer",)
    assert chain.run(decide=[("role", {**give, "role": "king"})]) == ["decision.unknown_role"]
    chain.run(hours=31 * DAY)
    assert roles.holders(chain.rows, "treasurer") == []
    chain.run(decide=[("role", give)])
    assert chain.run(decide=[("role", {**give, "give": False})]) == [""]
    assert roles.holders(chain.rows, "treasurer") == []


def test_roles_end_with_the_membership() -> None:
    chain = Chain(ALICE, BOB, roles={"scribe": {}})
    chain.run(decide=[("role", {"give": True, "member": id_of(BOB), "role": "scribe"})])
    chain.run(_leave(chain, BOB))
    assert roles.holders(chain.rows, "scribe") == []


def test_what_is_only_words_is_carried_out_by_doing_nothing() -> None:
    chain = Chain(ALICE)
    before = dict(State(chain.rows).scan(b""))
    assert chain.run(decide=[("text", {"text": "bread"}), ("of.our.own", {})], hours=0) == ["", ""]
    after = dict(State(chain.rows).scan(b""))
    assert {key for key in after if before.get(key) != after[key]} <= {
        tables.DAYS_KEY,
        row_key("seen", id_of(ALICE)),
    }


# ---- J12: epochs of private groups


def _epoch_key(chain: Chain, person: SigningKey, secret: bytes, configuration: bytes | None = None) -> Entry:
    box = epoch_key.box_for(secret, person.public, b"\x31" * 32)
    named = configuration or chain.configuration.hash
    body = EpochKey(named, sealed.epoch_id(secret), ((DeviceKey(person.public), box),))
    return chain.entry(person, epoch_key.EPOCH_KEY_TYPE, epoch_key.encode(body))


def _box(chain: Chain, person: SigningKey, secret: bytes) -> Entry:
    payload = sealed.encode(sealed.Sealed(sealed.epoch_id(secret), bytes(24), bytes(16)))
    return chain.entry(person, sealed.SEALED_TYPE, payload)


def test_j12_the_first_key_of_a_configuration_wins() -> None:
    chain = Chain(ALICE, BOB)
    first, second = b"\x01" * 32, b"\x02" * 32
    assert chain.run(_box(chain, ALICE, first)) == ["sealed.unknown_epoch"]
    outcomes = chain.run(
        _epoch_key(chain, ALICE, first),
        _epoch_key(chain, BOB, second),
        _epoch_key(chain, BOB, first),
        _epoch_key(chain, BOB, second, configuration=bytes(32)),
        _box(chain, BOB, first),
        _box(chain, BOB, second),
    )
    assert outcomes == [
        "", "epoch.not_first", "", "epoch.other_configuration", "", "sealed.unknown_epoch"
    ]  # fmt: skip


def test_j12_boxes_of_an_older_epoch_are_void_two_blocks_later() -> None:
    chain = Chain(ALICE, BOB)
    old, new = b"\x01" * 32, b"\x02" * 32
    chain.run(_epoch_key(chain, ALICE, old))
    chain.run(decide=[("amend", {"charter": {"purpose": "bread"}})])
    assert chain.run(_epoch_key(chain, ALICE, old)) == ["epoch.used_before"]
    assert chain.run(_epoch_key(chain, ALICE, new), _box(chain, BOB, old)) == ["", ""]
    assert chain.run(_box(chain, BOB, old)) == [""]
    assert chain.run(_box(chain, BOB, old), _box(chain, BOB, new)) == ["", ""]
    assert chain.run(_box(chain, BOB, old), _box(chain, BOB, new)) == ["sealed.old_epoch", ""]


# ---- the view


def _view(chain: Chain, *provisional: Entry, outcomes: dict[bytes, str] | None = None) -> GroupState:
    context = BlockContext(chain.group, chain.height + 1, chain.time_ms, chain.previous)
    return state_of(chain.rows, chain.founding, outcomes or {}, provisional, context, execute_entry)


def test_j37_provisional_entries_show_and_change_nothing() -> None:
    chain = Chain(ALICE)
    before = dict(State(chain.rows).scan(b""))
    join = chain.join(BOB, ALICE)
    view = _view(chain, join, chain.join(CAROL, BOB))
    assert (view.standing(BOB.public), view.standing(CAROL.public)) == ("provisional", None)
    assert view.outcomes[join.id].state == "provisional"
    assert dict(State(chain.rows).scan(b"")) == before
    assert view.voters == (ALICE.public,)


def test_j37_a_device_that_was_added_shows_at_once() -> None:
    chain = Chain(ALICE)
    phone = key(50)
    signature = devices.sign_device(phone, chain.group, id_of(ALICE))
    add = devices.encode_add(devices.Add(DeviceKey(phone.public), signature))
    entry = chain.entry(ALICE, devices.DEVICE_ADD_TYPE, add)
    assert _view(chain, entry).standing(phone.public) == "provisional"
    chain.run(entry)
    view = _view(chain, outcomes={bytes(entry.id): ""})
    assert view.standing(phone.public) == "member"
    assert view.member_of(phone.public) == view.member_of(ALICE.public)
    assert view.outcomes[entry.id].state == "final"


def test_j21_a_provisional_newcomer_neither_votes_nor_brings_devices() -> None:
    chain = Chain(ALICE)
    phone = key(50)
    join = chain.join(BOB, ALICE)
    signature = devices.sign_device(phone, chain.group, id_of(BOB))
    add = devices.encode_add(devices.Add(DeviceKey(phone.public), signature))
    added = chain.entry(BOB, devices.DEVICE_ADD_TYPE, add)
    ready = chain.entry(BOB, "voter.ready", voters.encode_ready(0))
    view = _view(chain, join, added, ready)
    assert (view.outcomes[added.id].rule, view.outcomes[ready.id].rule) == (
        "device.no_member",
        "voter.no_member",
    )
    assert view.standing(phone.public) is None


def test_j21_provisional_joins_use_no_invitation_up() -> None:
    chain = Chain(ALICE)
    first = chain.join(BOB, ALICE)
    chain._seeds -= 1
    second = chain.join(CAROL, ALICE)
    view = _view(chain, first, second)
    assert {view.standing(BOB.public), view.standing(CAROL.public)} == {"provisional"}
    assert chain.run(first, second) == ["", "invite.spent"]


def test_j21_provisional_sponsors_admit_nobody() -> None:
    chain = Chain(ALICE, BOB, admission="sponsors")
    join = chain.join(EVE, ALICE)
    chain.run(join)
    sponsors = [_sponsor(chain, ALICE, join), _sponsor(chain, BOB, join)]
    view = _view(chain, *sponsors)
    assert [view.outcomes[entry.id].rule for entry in sponsors] == [None, None]
    assert view.standing(EVE.public) is None


def test_the_view_says_what_became_of_a_petition() -> None:
    chain = Chain(ALICE, BOB, admission="decision")
    join, other = chain.join(EVE, ALICE), chain.join(CAROL, ALICE)
    rules = chain.run(join, other)
    outcomes = {bytes(join.id): rules[0], bytes(other.id): rules[1]}
    assert _view(chain, outcomes=outcomes).outcomes[join.id].state == "petition"
    chain.run(decide=[("admit", {"join": bytes(join.id)})])
    assert _view(chain, outcomes=outcomes).outcomes[join.id].state == "final"
    chain.run(hours=61 * DAY)
    view = _view(chain, outcomes=outcomes)
    assert (view.outcomes[other.id].state, view.outcomes[other.id].rule) == ("void", "join.needs_decision")


def test_j21_a_lost_member_knocks_with_its_recovery_key() -> None:
    chain = Chain(ALICE, BOB)
    view = _view(chain)
    assert may_admit(view, chain.join(EVE, ALICE)) is None
    assert may_admit(view, chain.entry(CAROL, "ack", b"")) == "type.unknown"
    assert may_admit(view, chain.entry(CAROL, sponsoring.SPONSOR_TYPE, sponsoring.encode(bytes(32)))) == (
        "author.no_member"
    )


def test_a_view_is_kept_while_the_rows_go_on() -> None:
    chain = Chain(ALICE)
    early = _view(chain)
    chain.admit(BOB, by=ALICE)
    assert early.standing(BOB.public) is None
    assert early == replace(early)
    assert _view(chain) != early


def test_every_type_that_governs_says_what_it_does() -> None:
    silent = [name for name, held in TYPES.items() if held.governed and held.execute is None]
    assert silent == ["group.found"]

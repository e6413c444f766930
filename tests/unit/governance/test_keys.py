"""What happens to keys: devices, revocations and objections, recovery, seals of forked keys."""

import pytest

from p2pnode.consensus.execution import Seal
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import devices, recovering, tables, voters
from p2pnode.governance.devices import Add, Revoke
from p2pnode.governance.inception import recovery_commitment_of
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import ALICE, BOB, CAROL, EVE, RECOVERY

DAY = 24
PHONE, TABLET, NEW = key(50), key(51), key(52)
NEXT_RECOVERY = key(53)
NEXT = recovery_commitment_of(NEXT_RECOVERY.public)


def _add(chain: Chain, author: SigningKey, new: SigningKey, member: SigningKey | None = None) -> Entry:
    signature = devices.sign_device(new, chain.group, id_of(member or author))
    return chain.entry(author, devices.DEVICE_ADD_TYPE, devices.encode_add(Add(_public(new), signature)))


def _public(person: SigningKey) -> DeviceKey:
    return DeviceKey(person.public)


def _revoke(
    chain: Chain,
    author: SigningKey,
    target: SigningKey,
    keep: tuple[tuple[int, int], ...] = (),
    recovery: SigningKey | None = None,
) -> Entry:
    revoke = Revoke(_public(target), keep)
    if recovery is not None:
        signature = devices.sign_revocation(recovery, chain.group, revoke)
        revoke = Revoke(revoke.device, keep, (recovery.public, signature))
    return chain.entry(author, devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(revoke))


def _object(chain: Chain, author: SigningKey, entry: Entry) -> Entry:
    return chain.entry(author, devices.DEVICE_OBJECT_TYPE, devices.encode_object(entry.id))


def _recover(
    chain: Chain, person: SigningKey, author: SigningKey, by: SigningKey = RECOVERY, next_: bytes = NEXT
) -> Entry:
    last = (0, chain.group)
    recover = recovering.recover_by(by, chain.group, id_of(person), author.public, next_, last)
    return chain.entry(author, recovering.RECOVER_TYPE, recovering.encode(recover))


def _status(chain: Chain, person: SigningKey) -> str | None:
    row = tables.device(chain.rows, person.public)
    return None if row is None else row.status


def _devices(chain: Chain, person: SigningKey) -> tuple[bytes, ...]:
    row = tables.member(chain.rows, id_of(person))
    assert row is not None
    return row.devices


def _speaks(chain: Chain, person: SigningKey) -> str:
    """What becomes of an ack by a key."""
    return chain.run(chain.entry(person, "ack", b""))[0]


def test_a_device_is_added_by_two_signatures() -> None:
    chain = Chain(ALICE, BOB)
    assert _speaks(chain, PHONE) == "author.no_member"
    assert chain.run(_add(chain, ALICE, PHONE)) == [""]
    assert _devices(chain, ALICE) == (ALICE.public, PHONE.public)
    assert _speaks(chain, PHONE) == ""


def test_nobody_claims_anothers_device() -> None:
    chain = Chain(ALICE, BOB)
    stolen = _add(chain, BOB, PHONE, member=ALICE)
    assert chain.run(stolen) == ["device.bad_signature"]
    assert chain.run(_add(chain, ALICE, PHONE), _add(chain, BOB, PHONE)) == ["", "device.known"]
    assert chain.run(_add(chain, BOB, ALICE)) == ["device.known"]


def test_a_member_has_at_most_eight_devices() -> None:
    chain = Chain(ALICE)
    outcomes = [chain.run(_add(chain, ALICE, key(60 + number)))[0] for number in range(8)]
    assert outcomes == [""] * 7 + ["device.too_many"]


def test_j25_a_device_revokes_itself_at_once() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_add(chain, ALICE, PHONE))
    assert chain.run(_revoke(chain, PHONE, PHONE)) == [""]
    assert _status(chain, PHONE) == "revoked"
    assert _speaks(chain, PHONE) == "device.revoked"


def test_j25_another_device_is_revoked_after_seven_days() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_add(chain, ALICE, PHONE))
    assert chain.run(_revoke(chain, ALICE, PHONE)) == [""]
    chain.run(hours=6 * DAY)
    assert _speaks(chain, PHONE) == ""
    chain.run(hours=DAY)
    assert _status(chain, PHONE) == "revoked"
    assert _devices(chain, ALICE) == (ALICE.public,)


def test_j25_any_device_of_the_member_objects_and_nobody_else() -> None:
    for objector, rule in ((PHONE, ""), (ALICE, ""), (BOB, "device.not_yours")):
        chain = Chain(ALICE, BOB)
        chain.run(_add(chain, ALICE, PHONE))
        revocation = _revoke(chain, ALICE, PHONE)
        chain.run(revocation)
        assert chain.run(_object(chain, objector, revocation)) == [rule]
        chain.run(hours=8 * DAY)
        assert _status(chain, PHONE) == ("active" if rule == "" else "revoked")
        assert chain.run(_object(chain, ALICE, revocation)) == ["device.nothing_pending"]


def test_j25_the_recovery_key_revokes_at_once_through_any_author() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_add(chain, ALICE, PHONE))
    assert chain.run(_revoke(chain, NEW, PHONE, recovery=NEXT_RECOVERY)) == ["device.bad_recovery"]
    forged = Revoke(DeviceKey(PHONE.public), (), (RECOVERY.public, bytes(64)))
    entry = chain.entry(NEW, devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(forged))
    assert chain.run(entry) == ["device.bad_recovery"]
    assert _status(chain, PHONE) == "active"
    assert chain.run(_revoke(chain, NEW, PHONE, recovery=RECOVERY)) == [""]
    assert _status(chain, PHONE) == "revoked"


def test_only_ones_own_devices_are_revoked() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_add(chain, ALICE, PHONE))
    assert chain.run(_revoke(chain, BOB, PHONE)) == ["device.not_yours"]
    assert chain.run(_revoke(chain, BOB, EVE)) == ["device.unknown"]
    twice = [_revoke(chain, ALICE, PHONE), _revoke(chain, ALICE, PHONE)]
    assert chain.run(*twice) == ["", "device.pending"]
    chain.run(_revoke(chain, PHONE, PHONE))
    assert chain.run(_revoke(chain, ALICE, PHONE)) == ["device.not_active"]


def test_what_a_revoked_device_wrote_up_to_the_named_seq_stands() -> None:
    chain = Chain(ALICE)
    chain.run(_add(chain, ALICE, PHONE))
    written = [chain.entry(PHONE, "ack", b"") for _ in range(4)]
    chain.run(written[0])
    chain.run(_revoke(chain, ALICE, PHONE, keep=((0, 2),)), hours=1)
    chain.run(hours=7 * DAY)
    assert chain.run(*written[1:]) == ["", "", "device.revoked"]


def test_no_revocation_reaches_back_behind_what_is_ordered() -> None:
    chain = Chain(ALICE)
    chain.run(_add(chain, ALICE, PHONE))
    written = [chain.entry(PHONE, "ack", b"") for _ in range(3)]
    chain.run(*written[:2])
    chain.run(_revoke(chain, NEW, PHONE, recovery=RECOVERY))
    row = tables.device(chain.rows, PHONE.public)
    assert row is not None
    assert (row.kept(0), row.kept(2)) == (1, -1)


def test_the_vote_moves_from_device_to_device() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_add(chain, ALICE, PHONE))
    rotate = devices.encode_rotate(PHONE.public)
    outcomes = chain.run(
        chain.entry(PHONE, devices.KEY_ROTATE_TYPE, rotate),
        chain.entry(BOB, devices.KEY_ROTATE_TYPE, rotate),
        chain.entry(ALICE, devices.KEY_ROTATE_TYPE, rotate),
        chain.entry(ALICE, devices.KEY_ROTATE_TYPE, devices.encode_rotate(ALICE.public)),
    )
    assert outcomes == ["device.not_voting", "device.not_yours", "", "device.not_voting"]
    assert dict(chain.configuration.voters)[id_of(ALICE)] == PHONE.public
    assert chain.configuration.epoch == 1


def test_a_voter_without_its_key_is_out_until_another_device_takes_over() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    chain.run(_add(chain, ALICE, PHONE))
    chain.run(_revoke(chain, ALICE, ALICE))
    assert not chain.votes(ALICE)
    assert chain.run(chain.entry(PHONE, voters.RETURN_TYPE, voters.encode_return())) == [""]
    assert dict(chain.configuration.voters)[id_of(ALICE)] == PHONE.public


def test_a_struck_device_does_not_take_the_role_back() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    chain.run(_add(chain, ALICE, PHONE))
    back = chain.entry(PHONE, voters.RETURN_TYPE, voters.encode_return())
    chain.run(_revoke(chain, ALICE, ALICE), _revoke(chain, NEW, PHONE, keep=((0, 5),), recovery=RECOVERY))
    assert chain.run(back) == ["voter.device"]
    assert not chain.votes(ALICE)


def test_j20_the_last_voters_key_stays_in_the_configuration() -> None:
    chain = Chain(ALICE)
    chain.run(_add(chain, ALICE, PHONE))
    chain.run(seals=[Seal(ALICE.public, 0, 0)])
    assert chain.configuration.voters == ((id_of(ALICE), ALICE.public),)
    chain.run(chain.entry(PHONE, voters.RETURN_TYPE, voters.encode_return()))
    assert chain.configuration.voters == ((id_of(ALICE), PHONE.public),)


# ---- recovery


def test_j25_the_recovery_key_names_a_new_device_after_seven_days() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    chain.run(_add(chain, ALICE, PHONE))
    assert chain.run(_recover(chain, ALICE, NEW)) == [""]
    chain.run(hours=6 * DAY)
    assert _devices(chain, ALICE) == (ALICE.public, PHONE.public)
    chain.run(hours=DAY)
    assert _devices(chain, ALICE) == (NEW.public,)
    assert {_status(chain, ALICE), _status(chain, PHONE)} == {"revoked"}
    assert dict(chain.configuration.voters)[id_of(ALICE)] == NEW.public, "the vote goes along"
    row = tables.member(chain.rows, id_of(ALICE))
    assert row is not None
    assert row.recovery == NEXT
    assert chain.run(_recover(chain, ALICE, TABLET)) == ["recover.bad_key"], "the old key is used up"


def test_j25_an_old_device_stops_a_recovery() -> None:
    chain = Chain(ALICE, BOB)
    recovery = _recover(chain, ALICE, NEW)
    chain.run(recovery)
    assert chain.run(_object(chain, BOB, recovery)) == ["device.not_yours"]
    assert chain.run(_object(chain, ALICE, recovery)) == [""]
    chain.run(hours=8 * DAY)
    assert _devices(chain, ALICE) == (ALICE.public,)


def test_j25_a_thief_of_a_device_cannot_hold_off_the_recovery_key() -> None:
    chain = Chain(ALICE, BOB)
    first = _recover(chain, ALICE, NEW)
    chain.run(first)
    chain.run(_object(chain, ALICE, first))
    again = [_revoke(chain, NEW, ALICE, recovery=RECOVERY), _recover(chain, ALICE, NEW)]
    assert chain.run(*again) == ["", ""]
    chain.run(hours=7 * DAY)
    assert _devices(chain, ALICE) == (NEW.public,)


@pytest.mark.parametrize("rule", ["no_member", "known_device", "bad_key", "bad_signature", "pending"])
def test_j25_no_other_recovery(rule: str) -> None:
    chain = Chain(ALICE, BOB)
    if rule == "no_member":
        entry = _recover(chain, EVE, NEW)
    elif rule == "known_device":
        entry = _recover(chain, ALICE, BOB)
    elif rule == "bad_key":
        entry = _recover(chain, ALICE, NEW, by=NEXT_RECOVERY)
    elif rule == "bad_signature":
        payload = _recover(chain, ALICE, NEW).payload or b""
        entry = chain.entry(TABLET, recovering.RECOVER_TYPE, payload)
    else:
        chain.run(_recover(chain, ALICE, NEW))
        entry = _recover(chain, ALICE, TABLET)
    assert chain.run(entry) == [f"recover.{rule}"]
    chain.run(hours=8 * DAY)
    expected = (NEW.public,) if rule == "pending" else (ALICE.public,)
    assert _devices(chain, ALICE) == expected


def test_j25_what_was_pending_dies_with_the_membership() -> None:
    chain = Chain(ALICE, BOB)
    chain.run(_recover(chain, BOB, NEW), decide=[("remove", {"member": id_of(BOB)})])
    chain.run(hours=8 * DAY)
    assert _status(chain, NEW) is None
    assert list(tables.pending(chain.rows)) == []


def test_j20_a_recovery_lets_its_device_speak_while_the_other_voters_are_too_few() -> None:
    chain = Chain(ALICE, BOB)
    recovery = _recover(chain, ALICE, NEW)
    chain.run(recovery)
    assert recovering.speakers(chain.rows, chain.rows) == {NEW.public: id_of(ALICE)}
    chain.run(_object(chain, ALICE, recovery))
    assert recovering.speakers(chain.rows, chain.rows) == {}


def test_j20_nobody_speaks_for_a_lost_voter_without_whom_the_others_decide() -> None:
    chain = Chain(ALICE, BOB, CAROL)
    recovery = _recover(chain, ALICE, NEW)
    chain.run(recovery)
    assert recovering.speakers(chain.rows, chain.rows) == {}, "two of three decide"
    chain.run(_recover(chain, BOB, TABLET))
    expected = {NEW.public: id_of(ALICE), TABLET.public: id_of(BOB)}
    assert recovering.speakers(chain.rows, chain.rows) == expected
    chain.run(_object(chain, ALICE, recovery))
    assert recovering.speakers(chain.rows, chain.rows) == {}, "alice is here after all"

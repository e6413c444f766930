"""Vectors of the entries by which people vote, sponsor others, and change or recover their keys."""

from __future__ import annotations

from p2pnode.consensus.convocation import closing_message
from p2pnode.consensus.rules import Lock
from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey
from p2pnode.governance import devices, recovering, sponsoring, voters
from p2pnode.governance.devices import Add, Revoke
from p2pnode.governance.voters import SeenClose, Suspend
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CIRCLE,
    COMMITMENT,
    RECOVERY,
    SMALL_ORDER_KEY,
    inception_of,
)
from tests.vectors.cases.vector_file import Document, VectorFile

PHONE = SigningKey(b"\x21" * 32)
_ID = b"\x51" * 32
_OTHER_ID = b"\x52" * 32
_ALICE_ID = inception_of(ALICE).member_id


def documents() -> dict[str, Document]:
    return {
        "member.sponsor": _sponsor(),
        "voter.ready": _ready(),
        "voter.leave": _voter_leave(),
        "voter.return": _voter_return(),
        "voter.suspend": _suspend(),
        "device.add": _device_add(),
        "device.revoke": _device_revoke(),
        "device.object": _device_object(),
        "key.rotate": _key_rotate(),
        "member.recover": _recover(),
    }


def _sponsor() -> Document:
    file = VectorFile("member.sponsor", "Payloads by which a member speaks for a newcomer (J21).")
    file.accept("a join", sponsoring.encode(_ID))
    file.reject("a short id", codec.encode({"join": b"x"}), "sponsor.bad_field")
    file.reject("nothing", codec.encode({}), "sponsor.bad_field")
    file.reject("not a map", codec.encode([]), "sponsor.bad_field")
    return file.document()


def _ready() -> Document:
    file = VectorFile("voter.ready", "Payloads by which a member's device asks for the voting role.")
    file.accept("at height 7", voters.encode_ready(7))
    file.accept("before the first block", voters.encode_ready(0))
    file.reject("a negative height", codec.encode({"height": -1}), "voter.bad_field")
    file.reject("a bool as height", codec.encode({"height": True}), "voter.bad_field")
    file.reject("nothing", codec.encode({}), "voter.bad_field")
    return file.document()


def _voter_leave() -> Document:
    file = VectorFile("voter.leave", "Payloads by which a voter rests, with the lowering of J19.")
    file.accept("nothing to say", voters.encode_leave())
    file.accept("with a lowering", voters.encode_leave(0))
    file.reject("a negative lowering", codec.encode({"lying_voters": -1}), "voter.bad_field")
    file.reject("another field", codec.encode({"until_ms": 1}), "voter.bad_field")
    return file.document()


def _voter_return() -> Document:
    file = VectorFile("voter.return", "Payloads by which a voter comes back.")
    file.accept("nothing to say", voters.encode_return())
    file.reject("another field", codec.encode({"key": ALICE.public}), "voter.bad_field")
    return file.document()


def _suspend() -> Document:
    file = VectorFile("voter.suspend", "Payloads that name who did not answer a roll call (C 5.8).")
    message = closing_message(CIRCLE.group, 0, 9, None)
    closes = (
        SeenClose(_ID, None, ALICE.sign(message)),
        SeenClose(_OTHER_ID, Lock(3, b"\x66" * 32), bytes(64)),
    )
    payload = voters.encode_suspend(Suspend(9, (_ALICE_ID,), closes))
    file.accept("one who is absent", payload, group=CIRCLE.group.hex(), seed=ALICE.seed.hex())
    value = codec.decode(payload)
    for name, absent, rule in (
        ("nobody", [], "voter.bad_field"),
        ("a short id", [b"x"], "voter.bad_absent"),
        ("out of order", [_OTHER_ID, _ID], "voter.bad_absent"),
        ("one of them twice", [_ID, _ID], "voter.bad_absent"),
    ):
        file.reject(name, codec.encode({**value, "absent": absent}), rule)
    file.reject("height 0", codec.encode({**value, "height": 0}), "voter.bad_field")
    file.reject("no close", codec.encode({**value, "closes": []}), "voter.bad_field")
    first, second = value["closes"]
    for name, bad in (
        ("closes out of order", [second, first]),
        ("three fields", [first[:3]]),
        ("a short member id", [[b"x", *first[1:]]]),
        ("view -2", [[_ID, -2, b"", bytes(64)]]),
        ("a bool as view", [[_ID, True, _ID, bytes(64)]]),
        ("no lock, but a block", [[_ID, -1, _ID, bytes(64)]]),
        ("a lock without block", [[_ID, 3, b"", bytes(64)]]),
        ("a short signature", [[_ID, -1, b"", b""]]),
    ):
        file.reject(name, codec.encode({**value, "closes": bad}), "voter.bad_close")
    return file.document()


def _device_add() -> Document:
    file = VectorFile("device.add", "Payloads that add a device; the device signs (group, member id).")
    signature = devices.sign_device(PHONE, CIRCLE.group, _ALICE_ID)
    file.accept(
        "a phone",
        devices.encode_add(Add(PHONE.public, signature)),
        device_seed=PHONE.seed.hex(),
        group=CIRCLE.group.hex(),
        member=_ALICE_ID.hex(),
    )
    value = {"device": PHONE.public, "signature": signature}
    file.reject("no signature", codec.encode({"device": PHONE.public}), "device.bad_field")
    file.reject("a short signature", codec.encode({**value, "signature": b""}), "device.bad_field")
    file.reject("a small-order key", codec.encode({**value, "device": SMALL_ORDER_KEY}), "device.bad_field")
    return file.document()


def _device_revoke() -> Document:
    file = VectorFile("device.revoke", "Payloads that revoke a device beyond some seqs (J25).")
    plain = Revoke(PHONE.public, ((0, 17), (2, -1)))
    signature = devices.sign_revocation(RECOVERY, CIRCLE.group, plain)
    by_recovery = Revoke(plain.device, plain.keep, (RECOVERY.public, signature))
    file.accept("up to some seqs", devices.encode_revoke(plain))
    file.accept("everything", devices.encode_revoke(Revoke(PHONE.public, ())))
    file.accept(
        "by the recovery key",
        devices.encode_revoke(by_recovery),
        recovery_seed=RECOVERY.seed.hex(),
        group=CIRCLE.group.hex(),
    )
    value = plain.value
    for name, keep in (
        ("lane 1", [[1, 0]]),
        ("seq -2", [[0, -2]]),
        ("a bool as seq", [[0, True]]),
        ("no pair", [[0]]),
        ("out of order", [[2, 0], [0, 0]]),
        ("a lane twice", [[0, 0], [0, 1]]),
    ):
        file.reject(name, codec.encode({**value, "keep": keep}), "device.bad_keep")
    file.reject("three lanes", codec.encode({**value, "keep": [[0, 0]] * 3}), "device.bad_field")
    for name, recovery in (
        ("recovery without signature", [RECOVERY.public]),
        ("recovery by a small-order key", [SMALL_ORDER_KEY, signature]),
        ("a short signature", [RECOVERY.public, b"x"]),
    ):
        file.reject(name, codec.encode({**value, "recovery": recovery}), "device.bad_field")
    return file.document()


def _device_object() -> Document:
    file = VectorFile("device.object", "Payloads by which a device objects to a change of keys (J25).")
    file.accept("an entry", devices.encode_object(_ID))
    file.reject("a short id", codec.encode({"entry": b"x"}), "device.bad_field")
    return file.document()


def _key_rotate() -> Document:
    file = VectorFile("key.rotate", "Payloads by which the voting device hands the vote on.")
    file.accept("to a phone", devices.encode_rotate(PHONE.public))
    file.reject("to a small-order key", codec.encode({"device": SMALL_ORDER_KEY}), "device.bad_field")
    return file.document()


def _recover() -> Document:
    file = VectorFile("member.recover", "Payloads by which the recovery key names a new device (J25).")
    last = (7, b"\x77" * 32)
    recover = recovering.recover_by(RECOVERY, CIRCLE.group, _ALICE_ID, BOB.public, COMMITMENT, last)
    file.accept(
        "a new device",
        recovering.encode(recover),
        recovery_seed=RECOVERY.seed.hex(),
        group=CIRCLE.group.hex(),
        author=BOB.public.hex(),
    )
    value = codec.decode(recovering.encode(recover))
    for name, bad in (
        ("member", b"x"),
        ("recovery_key", SMALL_ORDER_KEY),
        ("next", b""),
        ("height", -1),
        ("block", b""),
        ("signature", bytes(63)),
    ):
        file.reject(f"a bad {name}", codec.encode({**value, name: bad}), "recover.bad_field")
    return file.document()

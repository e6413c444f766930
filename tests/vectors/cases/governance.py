"""Vectors of governance: charters, foundings, invitations, joins, leaves, and boxes of private groups."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH, SigningKey
from p2pnode.core.errors import FormatError
from p2pnode.governance import epoch_key, founding, invitation, joining, leaving, sealed
from p2pnode.governance.charter import SETTINGS
from p2pnode.governance.epoch_key import EpochKey
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CAROL,
    CIRCLE,
    EVE,
    NONCE,
    RECOVERY,
    SECRET_SEED,
    SMALL_ORDER_KEY,
    START_MS,
    TEMPLATE,
    circle_charter,
    entry_bytes,
    first_entry,
    founding_of,
    founding_payload,
    header_of,
    inception_of,
    link_of,
)
from tests.vectors.cases.vector_file import Document, VectorFile

_EPOCH = b"\x33" * 32
_BOX_NONCE = b"\x44" * 24


def documents() -> dict[str, Document]:
    return {
        "charter": _charter(),
        "charter_toml": _charter_toml(),
        "inception": _inception(),
        "founding": _founding(),
        "founding_entry": _founding_entry(),
        "invitation": _invitation(),
        "link": _link(),
        "member.join": _join(),
        "member.leave": _leave(),
        "sealed": _sealed(),
        "sealed_open": _sealed_open(),
        "epoch.key": _epoch_key(),
        "epoch_key_open": _epoch_key_open(),
    }


def _changed(value: codec.Value, **changes: Any) -> bytes:
    return codec.encode({**value, **changes})


def _without(value: codec.Value, name: str) -> bytes:
    return codec.encode({other: item for other, item in value.items() if other != name})


def _charter() -> Document:
    file = VectorFile("charter", "Charters as canonical maps: every known setting, unknown ones kept.")
    value = dict(circle_charter().value)
    file.accept("the circle template", codec.encode(value))
    file.accept("a setting of later rules", _changed(value, seats={"council": 21}))
    later = {setting.name for setting in SETTINGS if setting.later}
    older = {name: item for name, item in value.items() if name not in later}
    file.accept("without the settings that came later", codec.encode(older))
    file.accept(
        "another rule, and a subject of the group's own",
        _changed(value, decisions={"picnic": {"rule": "consent", "quorum": [0, 1], "window_hours": 1}}),
    )
    file.accept("two roles", _changed(value, roles={"cook": {}, "treasurer": {"holders_max": 2}}))
    file.accept(
        "private, by decision, two liars",
        _changed(value, visibility="private", admission="decision", lying_voters=2),
    )
    for name in ("name", "permanence", "lying_voters"):
        file.reject(f"without {name}", _without(value, name), "charter.bad_field")
    wrong: dict[str, codec.Value] = {
        "name": "",
        "kind": "club",
        "language": "",
        "visibility": "secret",
        "admission": "lottery",
        "sponsors": 0,
        "stewards": ["alice"],
        "lying_voters": "some",
        "council_above": 3,
        "block_entries_max": 50_001,
        "member_year_bytes": 0,
        "ballot_grace_hours": -1,
        "keep_copies": 0,
        "permanence": "",
        "purpose": "\x07",
        "hearing_hours": 24 * 90 + 1,
        "recorded_ballots_max": -1,
        "delta_seconds": 0,
        "checkpoint_entries": 0,
        "checkpoint_days": 0,
        "decisions": {"admit": {"rule": "lottery"}},
        "roles": {"cook": {"pay": 1}},
    }
    for name, bad in wrong.items():
        file.reject(f"{name} = {bad!r}", _changed(value, **{name: bad}), "charter.bad_field")
    file.reject("name of 81 letters", _changed(value, name="a" * 81), "charter.bad_field")
    file.reject("a bool as number", _changed(value, sponsors=True), "charter.bad_field")
    file.reject("stewards as text", _changed(value, stewards="did:key:z6Mk"), "charter.bad_field")
    for name, table in {
        "a majority with a share": {"rule": "majority", "share": [2, 3]},
        "half as supermajority": {"rule": "supermajority", "share": [1, 2]},
        "a share that is not in lowest terms": {"rule": "supermajority", "share": [4, 6]},
        "a quorum above all": {"rule": "majority", "quorum": [3, 2]},
        "a quorum of nothing": {"rule": "majority", "quorum": [1, 0]},
        "no rule": {"quorum": [1, 2]},
    }.items():
        file.reject(name, _changed(value, decisions={"admit": table}), "charter.bad_field")
    file.reject("a number as steward", _changed(value, stewards=[7]), "charter.bad_field")
    file.reject("not a map", codec.encode([]), "charter.bad_field")
    file.reject("more than 32 KiB", _changed(value, annals="a" * 32 * 1024), "charter.too_large")
    return file.document()


def _charter_toml() -> Document:
    file = VectorFile("charter_toml", "Charters as TOML documents (UTF-8), and their canonical maps.")
    file.accept("only a name", b'name = "Circle of the Wells"\n')
    template = TEMPLATE.read_text(encoding="utf-8")
    file.accept("the circle template with a name", ('name = "Circle of the Wells"\n' + template).encode())
    file.accept(
        "with a table of its own", b'name = "n"\n[decisions.admit]\nrule = "consent"\nquorum = [1, 2]\n'
    )
    file.reject("no name", template.encode(), "charter.bad_field")
    file.reject("not TOML", b"name = ", "charter.bad_toml")
    file.reject("a name twice", b'name = "a"\nname = "b"\n', "charter.bad_toml")
    file.reject("a fraction", b'name = "n"\nshare = 0.5\n', "codec.bad_value")
    file.reject("a date", b'name = "n"\nsince = 2026-01-01\n', "codec.bad_value")
    file.reject("an integer beyond 64 bits", b'name = "n"\nfar = 99999999999999999999\n', "codec.bad_value")
    return file.document()


def _inception() -> Document:
    file = VectorFile("inception", "How a member begins; the member id is SHA-256 of these bytes.")
    value = inception_of(ALICE).value
    file.accept("without annex", codec.encode(value), recovery_key=RECOVERY.public.hex())
    file.accept("with annex", codec.encode(inception_of(ALICE, b"\x0a" * 32).value))
    file.reject("not a map", codec.encode([]), "inception.bad_field")
    file.reject("small-order key", _changed(value, device=SMALL_ORDER_KEY), "inception.bad_field")
    file.reject("short commitment", _changed(value, recovery=b""), "inception.bad_field")
    file.reject("no commitment", _without(value, "recovery"), "inception.bad_field")
    file.reject("a nil annex", _changed(value, annex=None), "inception.bad_field")
    file.reject("another field", _changed(value, name="Alice"), "inception.bad_field")
    return file.document()


def _founding() -> Document:
    file = VectorFile("founding", "Payloads of founding entries (J1).")
    one, three = founding_payload(ALICE), founding_payload(ALICE, BOB, CAROL)
    file.accept("one founder", one, seeds=[ALICE.seed.hex()])
    file.accept("three founders", three, seeds=[key.seed.hex() for key in (ALICE, BOB, CAROL)])
    four = founding_payload(ALICE, BOB, CAROL, EVE)
    file.accept("four founders survive one liar", four)
    succeeding = founding.propose(circle_charter(), NONCE, [inception_of(ALICE)], (b"\x77" * 32, ZERO_HASH))
    file.accept("after an older group", founding.found(succeeding, [founding.sign_terms(ALICE, succeeding)]))
    explicit = circle_charter(lying_voters=2)
    file.accept("two liars of four by charter", founding_payload(ALICE, BOB, CAROL, EVE, charter=explicit))
    value = codec.decode(one)
    trio = codec.decode(three)
    file.reject("later rules", _changed(value, rules=2), "founding.unknown_rules")
    file.reject("rules 0", _changed(value, rules=0), "founding.bad_field")
    file.reject("not a map", codec.encode([]), "founding.bad_field")
    file.reject("no nonce", _without(value, "nonce"), "founding.bad_field")
    file.reject("another field", _changed(value, motto="x"), "founding.bad_field")
    file.reject("a short nonce", _changed(value, nonce=b"x"), "founding.bad_field")
    file.reject("no founder", _changed(value, founders=[]), "founding.bad_field")
    file.reject("17 founders", _changed(value, founders=value["founders"] * 17), "founding.bad_field")
    file.reject("a voter of 31 bytes", _changed(value, voters=[bytes(31)]), "founding.bad_field")
    file.reject("succeeds one thing", _changed(value, succeeds=[b"\x77" * 32]), "founding.bad_field")
    file.reject("succeeds texts", _changed(value, succeeds=["a", "b"]), "founding.bad_field")
    file.reject(
        "founders out of order", _changed(trio, founders=trio["founders"][::-1]), "founding.bad_founders"
    )
    file.reject("one founder twice", _changed(value, founders=value["founders"] * 2), "founding.bad_founders")
    file.reject("no voter", _changed(value, voters=[]), "founding.bad_voters")
    file.reject("a voter who is no founder", _changed(value, voters=[BOB.public]), "founding.bad_voters")
    file.reject("voters out of order", _changed(trio, voters=trio["voters"][::-1]), "founding.bad_voters")
    file.reject("a liar among one", _changed(value, fault_rule=1), "founding.bad_fault_rule")
    file.reject("no liar among four", _changed(codec.decode(four), fault_rule=0), "founding.bad_fault_rule")
    file.reject("signed by nobody", _changed(value, signatures=[]), "founding.bad_signature")
    file.reject(
        "signed by two of three", _changed(trio, signatures=trio["signatures"][:2]), "founding.bad_signature"
    )
    file.reject(
        "signatures exchanged", _changed(trio, signatures=trio["signatures"][::-1]), "founding.bad_signature"
    )
    file.reject("other terms", _changed(value, nonce=bytes(32)), "founding.bad_signature")
    file.reject("a bad charter", _changed(value, charter={}), "charter.bad_field")
    file.reject("a bad inception", _changed(value, founders=[{}]), "inception.bad_field")
    file.reject("64 KiB and a byte", bytes(65537), "codec.too_large")
    return file.document()


def _founding_entry() -> Document:
    file = VectorFile("founding_entry", "Founding entries as [header, signature, payload or nil].")
    file.accept("by the only founder", entry_bytes(CIRCLE), group=CIRCLE.group.hex())
    file.accept("by one of three", entry_bytes(founding_of(BOB, ALICE, CAROL)))
    stranger = founding.founding_entry(EVE, founding_payload(ALICE), START_MS)
    file.reject("by no founder", entry_bytes(stranger), "founding.bad_author")
    file.reject("another type", entry_bytes(first_entry(ALICE, "ack", b"")), "founding.not_founding")
    bare = codec.encode([CIRCLE.header_bytes, CIRCLE.signature, None])
    file.reject("without payload", bare, "founding.no_payload")
    return file.document()


def _invitation() -> Document:
    file = VectorFile("invitation", "Invitations [group, inviter, key, uses, expiry_ms, rule] (J21).")
    value = link_of().invitation.value
    file.accept("one use", codec.encode(value))
    file.accept("a thousand uses", codec.encode(link_of(uses=1000).invitation.value))
    wrong: dict[str, tuple[int, codec.Value]] = {
        "short group": (0, b"x"),
        "small-order inviter": (1, SMALL_ORDER_KEY),
        "key as text": (2, "x" * 32),
        "no use": (3, 0),
        "1,001 uses": (3, 1001),
        "a bool as uses": (3, True),
        "no expiry": (4, 0),
        "unknown rule": (5, "lottery"),
    }
    for name, (index, bad) in wrong.items():
        file.reject(name, codec.encode([*value[:index], bad, *value[index + 1 :]]), "invite.bad_field")
    file.reject("five fields", codec.encode(value[:5]), "invite.bad_field")
    file.reject("a map", codec.encode({}), "invite.bad_field")
    return file.document()


def _link() -> Document:
    file = VectorFile(
        "link", "Invitation links, as UTF-8 bytes. Rules are for people: each comes with a remedy."
    )
    link = link_of()
    text = invitation.encode_link(link)
    file.accept("one address", text.encode(), inviter_seed=ALICE.seed.hex())
    file.accept("no address", invitation.encode_link(link_of(addresses=[])).encode())
    file.accept(
        "sixteen addresses", invitation.encode_link(link_of(addresses=["/dns4/h/tcp/1"] * 16)).encode()
    )
    file.accept("wrapped by a mail program", f"<{text[:60]}\r\n {text[60:]}>".encode())
    for name, wrong, rule in (
        ("empty", "", "link.not_a_link"),
        ("a web address", "https://example.org/", "link.not_a_link"),
        ("only the beginning", "p2pnode:join:", "link.truncated"),
        ("half of it", text[: len(text) // 2], "link.truncated"),
        ("one character less", text[:-1], "link.truncated"),
        ("four characters more", text + "AAAA", "link.mistyped"),
        ("one character wrong", text[:40] + ("A" if text[40] != "A" else "B") + text[41:], "link.mistyped"),
        ("a full stop after it", text + ".", "link.bad_characters"),
        ("far too long", text + "A" * 9000, "link.too_long"),
    ):
        file.reject(name, wrong.encode(), rule)
    other_seed = invitation.Link(link.invitation, link.signature, b"\x08" * 32, link.addresses, link.name)
    forged = invitation.Link(link.invitation, bytes(64), link.seed, link.addresses, link.name)
    file.reject("the seed of another key", invitation.encode_link(other_seed).encode(), "link.bad_field")
    file.reject("not signed by the inviter", invitation.encode_link(forged).encode(), "link.bad_signature")
    for name, changes in {
        "17 addresses": {"addresses": ["/dns4/h/tcp/1"] * 17},
        "an address of 257 letters": {"addresses": ["a" * 257]},
        "an empty address": {"addresses": [""]},
        "no name": {"name": ""},
        "a control character in the name": {"name": "\x1b[2J"},
    }.items():
        file.reject(name, invitation.encode_link(link_of(**changes)).encode(), "link.bad_field")
    for name, content, rule in (
        ("a later version", [2, "anything"], "link.unknown_version"),
        ("version 0", [0, link.invitation.value, link.signature, link.seed, [], "n"], "link.bad_field"),
        ("not six fields", [1], "link.bad_field"),
        ("a short signature", [1, link.invitation.value, b"", link.seed, [], "n"], "link.bad_field"),
        ("a bad invitation", [1, [], link.signature, link.seed, [], "n"], "invite.bad_field"),
    ):
        file.reject(name, _link_around(codec.encode(content)), rule)
    file.reject("content that is not canonical", _link_around(b"\xcc\x01"), "codec.not_canonical")
    return file.document()


def _link_around(content: bytes) -> bytes:
    """A link with right length and checksum around any content."""
    import base64
    import hashlib

    data = len(content).to_bytes(2, "big") + content + hashlib.sha256(content).digest()[:4]
    return b"p2pnode:join:" + base64.urlsafe_b64encode(data).rstrip(b"=")


def _join() -> Document:
    file = VectorFile("member.join", "Payloads of joins: whose they are, and both proofs (J21).")
    join = joining.join_by(link_of(), inception_of(BOB))
    payload = joining.encode(join)
    file.accept("by link", payload, newcomer_seed=BOB.seed.hex(), secret_seed=SECRET_SEED.hex())
    with_name = joining.encode(joining.join_by(link_of(), inception_of(BOB, b"\x0b" * 32)))
    file.accept("with an annex", with_name)
    value = codec.decode(payload)
    file.reject("no inception", _without(value, "inception"), "join.bad_field")
    file.reject("a short signature", _changed(value, secret_signature=b""), "join.bad_field")
    file.reject("not a map", codec.encode(None), "join.bad_field")
    file.reject(
        "the inviter did not sign", _changed(value, inviter_signature=bytes(64)), "join.bad_signature"
    )
    file.reject("another device", _changed(value, inception=inception_of(EVE).value), "join.bad_signature")
    wrong_secret = invitation.sign_secret(b"\x08" * 32, CIRCLE.group, BOB.public)
    file.reject("another secret", _changed(value, secret_signature=wrong_secret), "join.bad_signature")
    more_uses = link_of(uses=2).invitation.value
    file.reject("more uses than signed", _changed(value, invitation=more_uses), "join.bad_signature")
    file.reject("a bad invitation", _changed(value, invitation=[]), "invite.bad_field")
    file.reject("a bad inception", _changed(value, inception={}), "inception.bad_field")
    file.reject("empty", b"", "codec.not_msgpack")
    return file.document()


def _leave() -> Document:
    file = VectorFile("member.leave", "Payloads of farewells.")
    file.accept("without words", leaving.encode(leaving.Leave()))
    file.accept("with fewer liars and an annex", leaving.encode(leaving.Leave(0, b"\x0d" * 32)))
    file.reject("not a map", codec.encode([]), "leave.bad_field")
    file.reject("a reason in the open", codec.encode({"reason": "x"}), "leave.bad_field")
    file.reject("minus one liar", codec.encode({"lying_voters": -1}), "leave.bad_field")
    file.reject("a short annex", codec.encode({"annex": b"x"}), "leave.bad_field")
    return file.document()


def _sealed() -> Document:
    file = VectorFile("sealed", "Payloads of sealed entries: [epoch id, nonce, box] (J12).")
    payload = sealed.seal(_EPOCH, _BOX_NONCE, header_of(), "contribution", b"body")
    file.accept("a sealed body", payload)
    epoch, nonce, box = codec.decode(payload)
    file.reject("two parts", codec.encode([epoch, nonce]), "sealed.bad_field")
    file.reject("a text", codec.encode([epoch, nonce, "box"]), "sealed.bad_field")
    file.reject("a short epoch id", codec.encode([epoch[1:], nonce, box]), "sealed.bad_field")
    file.reject("a short nonce", codec.encode([epoch, nonce[1:], box]), "sealed.bad_field")
    file.reject("a box without room for its tag", codec.encode([epoch, nonce, bytes(15)]), "sealed.bad_field")
    file.reject("more than 64 KiB", codec.encode([epoch, nonce, bytes(65536)]), "codec.too_large")
    return file.document()


def _rule_of(action: Any) -> str | None:
    try:
        action()
    except FormatError as error:
        return error.rule
    return None


def _sealed_open() -> Document:
    """What holders of the key see. The header is the one that the payload was sealed for, up to its type."""
    header = header_of()._replace(type=sealed.SEALED_TYPE)
    payload = sealed.seal(_EPOCH, _BOX_NONCE, header, "contribution", b"body")
    epoch, nonce, _ = codec.decode(payload)
    bound = codec.encode(list(header[:10]))

    def boxed(content: bytes) -> bytes:
        return codec.encode([epoch, nonce, sealed._lock(_EPOCH, nonce, bound, content)])

    trials = [
        ("as sealed", _EPOCH, header, payload),
        ("another epoch's key", b"\x34" * 32, header, payload),
        ("at another place", _EPOCH, header._replace(seq=2), payload),
        ("at another time", _EPOCH, header._replace(time_ms=START_MS), payload),
        ("by another author", _EPOCH, header._replace(author=EVE.public), payload),
        ("a bit flipped", _EPOCH, header, payload[:-1] + bytes([payload[-1] ^ 1])),
        ("inside not canonical", _EPOCH, header, boxed(b"\xcc\x01")),
        ("inside no pair", _EPOCH, header, boxed(codec.encode(["contribution"]))),
        ("inside no type", _EPOCH, header, boxed(codec.encode(["No Type", b""]))),
    ]
    blob = sealed.seal_blob(_EPOCH, _BOX_NONCE, "annex", b"content")
    too_large = _rule_of(lambda: sealed.seal(_EPOCH, _BOX_NONCE, header, "contribution", bytes(65536)))
    return {
        "about": "Opening sealed payloads; the associated data is the canonical array of ten header fields.",
        "cases": [
            {
                "name": name,
                "key": key.hex(),
                "header": [item.hex() if isinstance(item, bytes) else item for item in place[:10]],
                "payload": data.hex(),
                "rule": _rule_of(
                    lambda key=key, place=place, data=data: sealed.open_sealed(key, place, data)
                ),
                "inside": ["contribution", b"body".hex()] if name == "as sealed" else None,
            }
            for name, key, place, data in trials
        ],
        "blob": {"key": _EPOCH.hex(), "purpose": "annex", "blob": blob.hex(), "content": b"content".hex()},
        "too_large": {"body_bytes": 65536, "rule": too_large},
    }


def _epoch_key_of(*devices: SigningKey) -> EpochKey:
    boxes = [
        (device.public, epoch_key.box_for(_EPOCH, device.public, bytes([number]) * 32))
        for number, device in enumerate(sorted(devices, key=lambda device: device.public), 1)
    ]
    return EpochKey(b"\x55" * 32, sealed.epoch_id(_EPOCH), tuple(boxes))


def _epoch_key() -> Document:
    file = VectorFile("epoch.key", "Payloads that hand an epoch's key to devices (J12).")
    payload = epoch_key.encode(_epoch_key_of(ALICE, BOB))
    file.accept("two devices", payload, key=_EPOCH.hex(), device_seeds=[ALICE.seed.hex(), BOB.seed.hex()])
    value = codec.decode(payload)
    file.reject("no box", _changed(value, boxes=[]), "epoch.bad_field")
    file.reject("a short epoch id", _changed(value, epoch=b""), "epoch.bad_field")
    file.reject("not a map", codec.encode(7), "epoch.bad_field")
    file.reject("boxes out of order", _changed(value, boxes=value["boxes"][::-1]), "epoch.bad_boxes")
    file.reject("one device twice", _changed(value, boxes=value["boxes"][:1] * 2), "epoch.bad_boxes")
    file.reject("a short box", _changed(value, boxes=[[ALICE.public, b"x"]]), "epoch.bad_boxes")
    file.reject(
        "a small-order device", _changed(value, boxes=[[SMALL_ORDER_KEY, bytes(80)]]), "epoch.bad_boxes"
    )
    return file.document()


def _epoch_key_open() -> Document:
    (device, box), epoch = _epoch_key_of(ALICE).boxes[0], sealed.epoch_id(_EPOCH)
    assert device == ALICE.public
    no_point = b"\x02" + bytes(31)
    return {
        "about": "Opening boxes of epoch keys with a device's key; making one for a key that is no point.",
        "cases": [
            {
                "name": name,
                "device_seed": key.seed.hex(),
                "epoch": named.hex(),
                "box": data.hex(),
                "rule": _rule_of(
                    lambda key=key, named=named, data=data: epoch_key.open_box(key, named, data)
                ),
            }
            for name, key, named, data in (
                ("as boxed", ALICE, epoch, box),
                ("another device", BOB, epoch, box),
                ("a bit flipped", ALICE, epoch, box[:-1] + bytes([box[-1] ^ 1])),
                ("the name of another key", ALICE, b"\x01" * 32, box),
            )
        ],
        "ephemeral_seed": (b"\x01" * 32).hex(),
        "no_point": {
            "device_key": no_point.hex(),
            "rule": _rule_of(lambda: epoch_key.box_for(_EPOCH, no_point, bytes(32))),
        },
    }

"""Vectors of the foundations: codec, headers, entries, signatures, names, amounts, annexes."""

from __future__ import annotations

import msgpack

from p2pnode.core import codec
from p2pnode.core.amount import add, amount_of
from p2pnode.core.annex import annex_hash, annexes_named, encode_annex
from p2pnode.core.crypto import SMALL_ORDER_KEYS, ZERO_HASH, is_signed, tagged_hash
from p2pnode.core.entry import ENTRY_TAG, encode_header
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import did_of, peer_id_of
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CAROL,
    CIRCLE,
    SMALL_ORDER_KEY,
    entry_bytes,
    first_entry,
    header_of,
)
from tests.vectors.cases.vector_file import Document, VectorFile

_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point: adding it to S gives a second form of a signature."""


def documents() -> dict[str, Document]:
    return {
        "codec": _codec(),
        "header": _header(),
        "entry": _entry(),
        "did": _did(),
        "peer_id": _peer_id(),
        "id_text": _id_text(),
        "amount": _amount(),
        "amount_text": _amount_text(),
        "annex": _annex(),
        "ack": _ack(),
        "signature": _signatures(),
        "tagged_hash": _tagged_hashes(),
        "amount_sum": _sums(),
    }


def _codec() -> Document:
    file = VectorFile("codec", "Canonical MessagePack: what is one value's one byte string, and what is not.")
    values: dict[str, codec.Value] = {
        "nil": None,
        "false": False,
        "true": True,
        "zero": 0,
        "127": 127,
        "128": 128,
        "255": 255,
        "256": 256,
        "65535": 65535,
        "65536": 65536,
        "2^32-1": 2**32 - 1,
        "2^32": 2**32,
        "2^63": 2**63,
        "2^64-1": 2**64 - 1,
        "-1": -1,
        "-32": -32,
        "-33": -33,
        "-128": -128,
        "-129": -129,
        "-32769": -32769,
        "-2^31-1": -(2**31) - 1,
        "-2^63": -(2**63),
        "empty bytes": b"",
        "255 bytes": bytes(255),
        "256 bytes": bytes(256),
        "empty text": "",
        "31 letters": "a" * 31,
        "32 letters": "a" * 32,
        "256 letters": "a" * 256,
        "text beyond ASCII": "pré 💧",
        "not normalised text": "e\u0301",
        "empty array": [],
        "15 items": [0] * 15,
        "16 items": [0] * 16,
        "empty map": {},
        "ordered map": {"a": 1, "aa": 2, "b": 3, "é": 4, "\uffff": 5, "\U00010000": 6},
        "16 keys": {f"{number:02}": number for number in range(16)},
        "eight levels": [[[[[[[[]]]]]]]],
    }
    for name, value in values.items():
        file.accept(name, codec.encode(value))
    rejected: dict[str, tuple[str, str]] = {
        "nothing": ("", "codec.not_msgpack"),
        "a second value": ("0101", "codec.not_msgpack"),
        "cut text": ("a361", "codec.not_msgpack"),
        "cut array": ("9201", "codec.not_msgpack"),
        "text that is not UTF-8": ("a2c328", "codec.not_msgpack"),
        "a surrogate as text": ("a3eda080", "codec.not_msgpack"),
        "the byte c1": ("c1", "codec.not_msgpack"),
        "an integer as key": ("810101", "codec.not_msgpack"),
        "an extension": ("d40100", "codec.not_msgpack"),
        "a timestamp": ("d6ff00000000", "codec.not_msgpack"),
        "more items than allowed": ("dd00010000", "codec.not_msgpack"),
        "bytes as key": ("81c4016101", "codec.bad_value"),
        "float 32": ("ca3f800000", "codec.bad_value"),
        "float 64": ("cb3ff0000000000000", "codec.bad_value"),
        "not a number": ("cb7ff8000000000000", "codec.bad_value"),
        "1 as uint 8": ("cc01", "codec.not_canonical"),
        "255 as uint 16": ("cd00ff", "codec.not_canonical"),
        "1 as uint 64": ("cf0000000000000001", "codec.not_canonical"),
        "1 as int 8": ("d001", "codec.not_canonical"),
        "-1 as int 8": ("d0ff", "codec.not_canonical"),
        "128 as int 16": ("d10080", "codec.not_canonical"),
        "a text in long form": ("d90161", "codec.not_canonical"),
        "bytes in long form": ("c500016f", "codec.not_canonical"),
        "an array in long form": ("dc000101", "codec.not_canonical"),
        "a map in long form": ("de0001a16101", "codec.not_canonical"),
        "keys out of order": ("82a16201a16101", "codec.not_canonical"),
        "a key twice": ("82a16101a16101", "codec.not_canonical"),
        "a key twice with other values": ("82a16101a16102", "codec.not_canonical"),
        "nine levels": ("91" * 8 + "90", "codec.too_deep"),
    }
    for name, (data, rule) in rejected.items():
        file.reject(name, bytes.fromhex(data), rule)
    file.reject("a hundred levels", b"\x91" * 100 + b"\x00", "codec.too_deep")
    return file.document()


def _header() -> Document:
    file = VectorFile("header", "The twelve fields of an entry; facts name them.")
    ack_ids = tuple(bytes([number]) * 32 for number in range(1, 9))
    file.accept("second entry, no acks", encode_header(header_of()))
    file.accept("first entry", encode_header(header_of(seq=0, prev=ZERO_HASH, depth=0)))
    file.accept("eight acks", encode_header(header_of(acks=ack_ids)))
    file.accept("with a payload", encode_header(header_of(payload=b"\xc0", type="contribution")))
    file.accept("open lane", encode_header(header_of(lane=2)))
    file.accept("vote lane", encode_header(header_of(lane=1, depth=1, type="block.vote", payload=b"\xc0")))
    file.accept(
        "largest counters", encode_header(header_of(seq=2**40 - 1, depth=2**53 - 1, time_ms=2**53 - 1))
    )
    file.accept("founding", CIRCLE.header_bytes)
    file.accept("unknown type", encode_header(header_of(type="a.type_of_9999")))
    file.accept("later version with more fields", codec.encode([*header_of(version=2), 7, b"x", "y"]))
    wrong: dict[str, tuple[str, dict[str, object]]] = {
        "version 0": ("entry.bad_header", {"version": 0}),
        "version as bool": ("entry.bad_header", {"version": True}),
        "short group": ("entry.bad_header", {"group": bytes(31)}),
        "lane 3": ("entry.bad_header", {"lane": 3}),
        "lane as bool": ("entry.bad_header", {"lane": False}),
        "negative seq": ("entry.bad_header", {"seq": -1}),
        "seq 2^40": ("entry.bad_header", {"seq": 2**40}),
        "prev as text": ("entry.bad_header", {"prev": "x"}),
        "depth 2^53": ("entry.bad_header", {"depth": 2**53}),
        "negative time": ("entry.bad_header", {"time_ms": -1}),
        "short key": ("entry.bad_key", {"author": bytes(31)}),
        "small-order key": ("entry.bad_key", {"author": SMALL_ORDER_KEY}),
        "first entry with prev": ("entry.bad_chain", {"seq": 0}),
        "second entry without prev": ("entry.bad_chain", {"prev": ZERO_HASH}),
        "nine acks": ("entry.bad_acks", {"acks": (*ack_ids, b"\x09" * 32)}),
        "acks out of order": ("entry.bad_acks", {"acks": ack_ids[::-1]}),
        "one ack twice": ("entry.bad_acks", {"acks": (ack_ids[0], ack_ids[0])}),
        "short ack": ("entry.bad_acks", {"acks": (b"x",)}),
        "vote with acks": ("entry.bad_vote_lane", {"lane": 1, "depth": 1, "acks": ack_ids[:1]}),
        "vote with another depth": ("entry.bad_vote_lane", {"lane": 1, "depth": 2}),
        "empty type": ("entry.bad_type", {"type": ""}),
        "type in capitals": ("entry.bad_type", {"type": "Ack"}),
        "type beyond ASCII": ("entry.bad_type", {"type": "acké"}),
        "type of 33 letters": ("entry.bad_type", {"type": "a" * 33}),
        "payload of 64 KiB and a byte": (
            "entry.bad_payload_field",
            {"payload_bytes": 65537, "payload_hash": b"\x05" * 32},
        ),
        "hash of no payload": ("entry.bad_payload_field", {"payload_hash": b"\x05" * 32}),
        "payload without hash": ("entry.bad_payload_field", {"payload_bytes": 1}),
        "no group in an ordinary entry": ("entry.bad_founding", {"group": ZERO_HASH}),
        "a founding inside a group": ("entry.bad_founding", {"type": "group.found"}),
        "a founding in the open lane": (
            "entry.bad_founding",
            {"group": ZERO_HASH, "type": "group.found", "lane": 2, "seq": 0, "prev": ZERO_HASH, "depth": 0},
        ),
    }
    for name, (rule, changes) in wrong.items():
        file.reject(name, msgpack.packb(list(header_of()._replace(**changes)), use_bin_type=True), rule)
    fields = list(header_of())
    file.reject("nothing", b"", "entry.bad_header")
    file.reject("a map", codec.encode({"version": 1}), "entry.bad_header")
    file.reject("eleven fields", msgpack.packb(fields[:11], use_bin_type=True), "entry.bad_header")
    file.reject(
        "thirteen fields in version 1", msgpack.packb([*fields, 1], use_bin_type=True), "entry.bad_header"
    )
    later = [*header_of(version=2), None]
    file.reject("nil in a later field", msgpack.packb(later, use_bin_type=True), "entry.bad_header")
    long_form = encode_header(header_of()).replace(b"\x9c\x01", b"\x9c\xcc\x01", 1)
    file.reject("version in long form", long_form, "entry.not_canonical")
    file.reject("1,025 bytes", codec.encode([*header_of(version=2), bytes(1025)]), "entry.header_too_large")
    return file.document()


def _entry() -> Document:
    file = VectorFile(
        "entry", "Whole entries, as [header, signature, payload or nil]: hash and signature too."
    )
    payload = codec.encode({"x": 1})
    whole = first_entry(ALICE, "some.type", payload)
    assert whole.signature is not None
    header, signature = whole.header_bytes, whole.signature
    file.accept("with payload", entry_bytes(whole), seed=ALICE.seed.hex())
    file.accept("payload left out", codec.encode([header, signature, None]))
    file.accept("without payload", entry_bytes(first_entry(BOB, "ack", b"")), seed=BOB.seed.hex())
    file.accept("founding", entry_bytes(CIRCLE), seed=ALICE.seed.hex())
    file.reject("another payload", codec.encode([header, signature, payload + b"\xc0"]), "entry.bad_payload")
    file.reject("an empty payload", codec.encode([header, signature, b""]), "entry.bad_payload")
    file.reject("a short signature", codec.encode([header, signature[:-1], payload]), "entry.bad_signature")
    file.reject("a wrong signature", codec.encode([header, bytes(64), payload]), "entry.bad_signature")
    untagged = ALICE.sign(header)
    file.reject("signed without the tag", codec.encode([header, untagged, payload]), "entry.bad_signature")
    foreign = BOB.sign(ENTRY_TAG + header)
    file.reject("signed by another key", codec.encode([header, foreign, payload]), "entry.bad_signature")
    return file.document()


def _did() -> Document:
    file = VectorFile("did", "did:key of Ed25519 keys, as UTF-8 bytes.")
    for name, key in {"alice": ALICE, "bob": BOB, "carol": CAROL}.items():
        file.accept(name, did_of(key.public).encode())
    text = did_of(ALICE.public)
    for name, wrong in {
        "empty": "",
        "a web did": "did:web:example.org",
        "cut": text[:-1],
        "a line feed after it": text + "\n",
        "one letter too many": text + "1",
        "not base58": text[:-1] + "0",
        "capitals": text.upper(),
        "another kind of key": "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "200 letters": text + "2" * 200,
        "small-order key": did_of(SMALL_ORDER_KEY),
    }.items():
        file.reject(name, wrong.encode(), "id.bad_did")
    return file.document()


def _peer_id() -> Document:
    file = VectorFile("peer_id", "libp2p peer ids of Ed25519 keys in base58, as UTF-8 bytes.")
    for name, key in {"alice": ALICE, "bob": BOB, "carol": CAROL}.items():
        file.accept(name, peer_id_of(key.public).encode())
    text = peer_id_of(ALICE.public)
    for name, wrong in {
        "empty": "",
        "cut": text[:-2],
        "not base58": text[:-1] + "l",
        "a hashed key": "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        "small-order key": peer_id_of(SMALL_ORDER_KEY),
    }.items():
        file.reject(name, wrong.encode(), "id.bad_peer_id")
    return file.document()


def _id_text() -> Document:
    file = VectorFile("id_text", "Group, member and entry ids as 64 hexadecimal digits.")
    file.accept("an id", CIRCLE.id.hex().encode())
    for name, wrong in {
        "empty": "",
        "63 digits": "a" * 63,
        "66 digits": "a" * 66,
        "not a digit": "g" * 64,
    }.items():
        file.reject(name, wrong.encode(), "id.bad_hex")
    return file.document()


def _amount() -> Document:
    file = VectorFile("amount", "Amounts [m, e] = m x 10^e in normal form (J3).")
    for m, e in ((0, 0), (1, 0), (-1, 0), (10, 0), (15, -1), (-1, -18), (2**63 - 1, 0), (-(2**63) + 1, -18)):
        file.accept(f"[{m}, {e}]", codec.encode([m, e]))
    for m, e in ((2**63, 0), (-(2**63), 0), (1, 1), (1, -19)):
        file.reject(f"[{m}, {e}]", codec.encode([m, e]), "amount.out_of_range")
    for wrong in ([10, -1], [0, -1], [True, 0], ["1", 0], [1], [1, 0, 0], 1, None, {}):
        file.reject(str(wrong), codec.encode(wrong), "amount.bad_value")
    return file.document()


def _amount_text() -> Document:
    file = VectorFile("amount_text", "Amounts as people write them, as UTF-8 bytes.")
    for text in (
        "0",
        "2",
        "1.5",
        "1,5",
        "-0.25",
        " 7 ",
        "0.000000000000000001",
        "1.50",
        "9223372036854775807",
        "007",
    ):
        file.accept(repr(text), text.encode())
    file.reject("too large", b"9223372036854775808", "amount.out_of_range")
    for text in (
        "",
        "-",
        "1.",
        ".5",
        "1e3",
        "1 000",
        "1.2.3",
        "+1",
        "nan",
        "0x1",
        "1" * 20,
        "\u0661\u0662 apples",
    ):
        file.reject(repr(text), text.encode(), "amount.bad_text")
    return file.document()


def _sums() -> Document:
    cases: list[Document] = []
    for left, right in (((1, 0), (2, 0)), ((15, -1), (5, -1)), ((1, -18), (1, 0)), ((-3, -1), (3, -1))):
        cases.append({"left": left, "right": right, "sum": add(left, right), "rule": None})
    for left, right in (((2**63 - 1, 0), (1, 0)), ((2**63 - 1, 0), (1, -1))):
        try:
            add(left, right)
        except FormatError as error:
            cases.append({"left": left, "right": right, "sum": None, "rule": error.rule})
    cases.extend(
        {"mantissa": m, "exponent": e, "normal": amount_of(m, e)} for m, e in ((1500, -2), (0, -5), (12, 3))
    )
    return {"about": "Exact sums of amounts, and normal forms.", "cases": cases}


def _annex() -> Document:
    file = VectorFile("annex", "Annexes: 32 random bytes and a canonical map of texts (J11).")
    salt = b"\x5a" * 32
    annexes = {
        "empty": encode_annex(salt, {}),
        "a note": encode_annex(salt, {"note": "Two hours in the garden\nwith Bob"}),
        "a list": encode_annex(salt, {"co_authors": ["Bob <bob@example.org>"], "message": ""}),
    }
    for name, annex in annexes.items():
        payload = codec.encode({"annex": annex_hash(annex)})
        assert annexes_named(payload) == (annex_hash(annex),)
        file.accept(name, annex, hash=annex_hash(annex).hex(), named_by=payload.hex())
    file.reject("no random bytes", codec.encode({}), "annex.bad_salt")
    file.reject("nothing inside", salt, "codec.not_msgpack")
    file.reject("not a map", salt + codec.encode(["x"]), "annex.bad_content")
    file.reject("a number inside", salt + codec.encode({"age": 7}), "annex.bad_content")
    file.reject("a control character", salt + codec.encode({"note": "\x1b[31m"}), "annex.bad_content")
    file.reject("64 KiB and a byte", salt + bytes(65536 - 31), "annex.too_large")
    return file.document()


def _ack() -> Document:
    file = VectorFile("ack", "The payload of an acknowledgement is empty.")
    file.accept("empty", b"")
    file.reject("something", b"\xc0", "ack.bad_payload")
    return file.document()


def _signatures() -> Document:
    """Cases where libraries differ; libsodium's answer is the one that counts (J4)."""
    message = b"the same words"
    good = ALICE.sign(message)
    s = int.from_bytes(good[32:], "little")
    malleable = good[:32] + (s + _ORDER).to_bytes(32, "little")
    high_s = good[:32] + b"\xff" * 32
    identity = SMALL_ORDER_KEY
    cases = [
        ("good", ALICE.public, message, good),
        ("empty message", BOB.public, b"", BOB.sign(b"")),
        ("another message", ALICE.public, message + b".", good),
        ("another key", BOB.public, message, good),
        ("S + order: the second form of a good signature", ALICE.public, message, malleable),
        ("S of all ones", ALICE.public, message, high_s),
        ("R of small order", ALICE.public, message, identity + good[32:]),
        ("63 bytes", ALICE.public, message, good[:-1]),
        ("65 bytes", ALICE.public, message, good + b"\x00"),
        ("key of 31 bytes", ALICE.public[:-1], message, good),
        ("key that is no point", b"\x02" + bytes(31), message, good),
        ("key p, not canonical", (2**255 - 19).to_bytes(32, "little"), message, identity + bytes(32)),
    ]
    cases += [
        (f"small-order key {number}, R the identity, S 0", key, message, identity + bytes(32))
        for number, key in enumerate(sorted(SMALL_ORDER_KEYS))
    ]
    return {
        "about": "Ed25519: valid is what libsodium says, less keys of small order (J4).",
        "cases": [
            {
                "name": name,
                "key": key.hex(),
                "message": text.hex(),
                "signature": signature.hex(),
                "valid": is_signed(key, text, signature),
            }
            for name, key, text, signature in cases
        ],
    }


def _tagged_hashes() -> Document:
    lists: list[tuple[str, list[bytes]]] = [
        ("x", []),
        ("x", [b""]),
        ("x", [b"ab", b"c"]),
        ("x", [b"a", b"bc"]),
        ("y", [b"abc"]),
    ]
    return {
        "about": "SHA-256 over 'p2pnode/', the tag, a zero byte, and each part behind its length in 8 bytes.",
        "cases": [
            {"tag": tag, "parts": [part.hex() for part in parts], "hash": tagged_hash(tag, *parts).hex()}
            for tag, parts in lists
        ],
    }

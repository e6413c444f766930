"""Vectors of agreement: blocks, votes, proposals, certificates, configurations, Merkle trees."""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus import convocation
from p2pnode.consensus import format as agreement
from p2pnode.consensus.format import BlockHeader, Body, Certificate, Configuration, CutEntry, Proposal, Vote
from p2pnode.consensus.merkle import audit_path, is_leaf_of, merkle_root
from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH, sha256
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CIRCLE,
    SMALL_ORDER_KEY,
    START_MS,
    circle_charter,
    inception_of,
)
from tests.vectors.cases.vector_file import Document, VectorFile

CUT = tuple(sorted([CutEntry(ALICE.public, 0, 4, b"\x61" * 32), CutEntry(BOB.public, 2, 0, b"\x62" * 32)]))
CONFIGURATION = Configuration(
    tuple(sorted((inception_of(key).member_id, key.public) for key in (ALICE, BOB))),
    0,
    sha256(codec.encode(dict(circle_charter().value))),
    1,
)
_HEADER = BlockHeader(
    1, CIRCLE.group, 1, 1, CIRCLE.group, START_MS,
    agreement.cut_root(CUT), agreement.ops_root([(CIRCLE.id, "")]),
    b"\x63" * 32, CONFIGURATION.hash, CONFIGURATION.hash, ZERO_HASH,
    sha256(agreement.encode_body(Body(CUT, (), None))),
)  # fmt: skip


def _vote(kind: agreement.Kind, view: int = 0) -> Vote:
    unsigned = Vote(1, 0, view, kind, b"" if kind == "S" else _HEADER.id, b"")
    return replace(unsigned, signature=agreement.sign_vote(ALICE, CIRCLE.group, 1, unsigned))


def documents() -> dict[str, Document]:
    return {
        "block_header": _block_header(),
        "block_body": _block_body(),
        "certificate": _certificate(),
        "block.vote": _votes(),
        "block.propose": _proposal(),
        "block.roll": _roll(),
        "block.close": _closing(),
        "block.certificate": _shown_certificate(),
        "vote_signature": _vote_signatures(),
        "configuration": _configurations(),
        "merkle": _merkle(),
    }


def _replaced(value: list[codec.Value], index: int, item: codec.Value) -> bytes:
    return codec.encode([*value[:index], item, *value[index + 1 :]])


def _block_header() -> Document:
    file = VectorFile(
        "block_header", "The thirteen fields of a block header; the block's id is SHA-256 of it (J8)."
    )
    data = agreement.encode_header(_HEADER)
    value = codec.decode(data)
    file.accept("first block", data)
    file.reject("twelve fields", codec.encode(value[:12]), "block.bad_header")
    file.reject("not an array", codec.encode({}), "block.bad_header")
    file.reject("version 2", _replaced(value, 0, 2), "block.bad_header")
    file.reject("version as bool", _replaced(value, 0, True), "block.bad_header")
    file.reject("a short group", _replaced(value, 1, b""), "block.bad_header")
    file.reject("height 0", _replaced(value, 3, 0), "block.bad_header")
    file.reject("negative time", _replaced(value, 5, -1), "block.bad_header")
    file.reject("a body hash of 33 bytes", _replaced(value, 12, bytes(33)), "block.bad_header")
    return file.document()


def _block_body() -> Document:
    file = VectorFile(
        "block_body", "What a block header names by body hash: cut, seals, parent's certificate (J8)."
    )
    body = Body(CUT, (b"a fork proof",), _certificate_of("F"))
    value = codec.decode(agreement.encode_body(body))
    file.accept("first block", agreement.encode_body(Body(CUT, (), None)))
    file.accept("with a seal and a parent", agreement.encode_body(body))
    file.accept("nothing new", agreement.encode_body(Body((), (), None)))
    file.reject("two parts", codec.encode(value[:2]), "body.bad_field")
    file.reject("65 seals", _replaced(value, 1, [b""] * 65), "body.bad_field")
    file.reject("a text as seal", _replaced(value, 1, ["x"]), "body.bad_field")
    file.reject("cut out of order", _replaced(value, 0, value[0][::-1]), "body.bad_cut")
    file.reject("one lane twice", _replaced(value, 0, value[0][:1] * 2), "body.bad_cut")
    key, _, seq, head = value[0][0]
    file.reject("lane 1 in the cut", _replaced(value, 0, [[key, 1, seq, head]]), "body.bad_cut")
    file.reject("lane as bool", _replaced(value, 0, [[key, False, seq, head]]), "body.bad_cut")
    file.reject("seq 2^40", _replaced(value, 0, [[key, 0, 2**40, head]]), "body.bad_cut")
    file.reject("small-order key", _replaced(value, 0, [[SMALL_ORDER_KEY, 0, seq, head]]), "body.bad_cut")
    file.reject("a bad certificate", _replaced(value, 2, []), "certificate.bad_field")
    file.reject("more than 1 MiB", bytes(1024 * 1024 + 1), "codec.too_large")
    return file.document()


def _certificate_of(kind: agreement.Kind) -> Certificate:
    vote = _vote(kind)
    return Certificate(vote.height, vote.attempt, vote.view, vote.kind, vote.block, (0,), (vote.signature,))


def _certificate() -> Document:
    file = VectorFile(
        "certificate", "A quorum's signatures under one vote; who they are is in the configuration."
    )
    for kind in ("N", "S", "F"):
        file.accept(f"of kind {kind}", codec.encode(_certificate_of(kind).value))
    value = codec.decode(codec.encode(_certificate_of("F").value))
    file.reject("six parts", codec.encode(value[:6]), "certificate.bad_field")
    file.reject("kind X", _replaced(value, 3, "X"), "certificate.bad_field")
    file.reject("height 0", _replaced(value, 0, 0), "certificate.bad_field")
    file.reject("a skip of a block", _replaced(value, 3, "S"), "certificate.bad_field")
    file.reject("no signer", codec.encode([*value[:5], [], []]), "certificate.bad_field")
    file.reject("two signers, one signature", _replaced(value, 5, [0, 1]), "certificate.bad_field")
    file.reject("one signer twice", codec.encode([*value[:5], [0, 0], value[6] * 2]), "certificate.bad_field")
    file.reject(
        "signers out of order", codec.encode([*value[:5], [1, 0], value[6] * 2]), "certificate.bad_field"
    )
    file.reject("a short signature", _replaced(value, 6, [b""]), "certificate.bad_field")
    return file.document()


def _votes() -> Document:
    file = VectorFile(
        "block.vote", "Payloads of vote entries: [height, attempt, view, kind, block, signature] each."
    )
    votes = [_vote("N"), _vote("S", 1), _vote("F")]
    file.accept("one vote", agreement.encode_votes(votes[:1]))
    file.accept("three kinds", agreement.encode_votes(votes))
    value = codec.decode(agreement.encode_votes(votes[:1]))[0]
    file.reject("no vote", codec.encode([]), "vote.bad_field")
    file.reject("65 votes", codec.encode([value] * 65), "vote.bad_field")
    file.reject("five fields", codec.encode([value[:5]]), "vote.bad_field")
    file.reject("kind of two letters", codec.encode([[*value[:3], "NF", *value[4:]]]), "vote.bad_field")
    file.reject("no block", codec.encode([[*value[:4], b"", value[5]]]), "vote.bad_field")
    file.reject("a short signature", codec.encode([[*value[:5], b""]]), "vote.bad_field")
    file.reject("a negative view", codec.encode([[1, 0, -1, *value[3:]]]), "vote.bad_field")
    return file.document()


def _proposal() -> Document:
    file = VectorFile("block.propose", "Payloads of proposal entries (J2, J8).")
    fresh = Proposal(1, 0, 0, -1, _HEADER.id, agreement.encode_header(_HEADER), ())
    again = Proposal(1, 0, 2, 1, _HEADER.id, b"", (b"\x64" * 32, b"\x65" * 32))
    file.accept("a fresh block", agreement.encode_proposal(fresh))
    file.accept("a known block again", agreement.encode_proposal(again))
    value = codec.decode(agreement.encode_proposal(fresh))
    file.reject("six fields", codec.encode(value[:6]), "proposal.bad_field")
    file.reject("height 0", _replaced(value, 0, 0), "proposal.bad_field")
    file.reject(
        "justified by its own view", _replaced([*value[:2], 1, *value[3:]], 3, 1), "proposal.bad_field"
    )
    file.reject("view 0 justified by view 0", _replaced(value, 3, 0), "proposal.bad_field")
    file.reject("justifying view -2", _replaced(value, 3, -2), "proposal.bad_field")
    file.reject("a short block id", _replaced(value, 4, b""), "proposal.bad_field")
    file.reject("a short vote", _replaced(value, 6, [b""]), "proposal.bad_field")
    file.reject("1,001 votes", _replaced(value, 6, [bytes(32)] * 1001), "proposal.bad_field")
    file.reject("another block's header", _replaced(value, 4, b"\x66" * 32), "proposal.other_header")
    file.reject("a header of another height", _replaced(value, 0, 2), "proposal.other_header")
    bad = b"\x01"
    file.reject("no header", codec.encode([*value[:4], sha256(bad), bad, []]), "block.bad_header")
    return file.document()


def _roll() -> Document:
    file = VectorFile("block.roll", "Payloads of answers to the roll call of a height.")
    file.accept("height 1", convocation.encode_roll(convocation.RollAnswer(1)))
    file.accept("the greatest height", codec.encode([2**53 - 1]))
    file.reject("height 0", codec.encode([0]), "roll.bad_field")
    file.reject("height 2^53", codec.encode([2**53]), "roll.bad_field")
    file.reject("height as bool", codec.encode([True]), "roll.bad_field")
    file.reject("two heights", codec.encode([1, 2]), "roll.bad_field")
    file.reject("a number", codec.encode(1), "roll.bad_field")
    return file.document()


def _closing() -> Document:
    file = VectorFile(
        "block.close",
        "Payloads of closes of a first attempt (J32); the message is what is signed in group zeros, epoch 1.",
    )
    shown = _certificate_of("N")
    bare = convocation.sign_closing(ALICE, CIRCLE.group, 1, 1, None)
    locked = convocation.sign_closing(ALICE, CIRCLE.group, 1, 1, shown)
    file.accept("no lock", convocation.encode_closing(bare))
    file.accept("a lock with its certificate", convocation.encode_closing(locked))
    other = replace(bare, voter=ALICE.public)
    file.accept("somebody else's, shown", convocation.encode_closing(other))
    shown_value = codec.decode(convocation.encode_closing(other))
    file.reject("a small-order key as voter", _replaced(shown_value, 5, SMALL_ORDER_KEY), "close.bad_field")
    file.reject("no key as voter", _replaced(shown_value, 5, b""), "close.bad_field")
    file.reject("seven fields", codec.encode([*shown_value, b""]), "close.bad_field")
    value = codec.decode(convocation.encode_closing(locked))
    file.reject("four fields", codec.encode(value[:4]), "close.bad_field")
    file.reject("height 0", _replaced(value, 0, 0), "close.bad_field")
    file.reject("a short signature", _replaced(value, 4, b""), "close.bad_field")
    file.reject("view as text", _replaced(value, 1, "0"), "close.bad_field")
    file.reject("block as text", _replaced(value, 2, ""), "close.bad_field")
    file.reject("a lock without certificate", _replaced(value, 3, None), "close.bad_field")
    file.reject(
        "a view without certificate",
        codec.encode([1, 0, b"", None, value[4]]),
        "close.bad_field",
    )
    file.reject("a certificate without lock", _replaced(value, 1, -1), "close.bad_field")
    file.reject("a short block", _replaced(value, 2, b"\x61"), "close.bad_field")
    file.reject("another view", _replaced(value, 1, 1), "close.other_lock")
    file.reject("another block", _replaced(value, 2, b"\x61" * 32), "close.other_lock")
    file.reject("another height", _replaced(value, 0, 2), "close.other_lock")
    file.reject(
        "a certificate of F votes", _replaced(value, 3, _certificate_of("F").value), "close.other_lock"
    )
    second = replace(shown, attempt=1)
    file.reject("a certificate of the second attempt", _replaced(value, 3, second.value), "close.other_lock")
    file.reject("a bad certificate", _replaced(value, 3, []), "certificate.bad_field")
    return file.document()


def _shown_certificate() -> Document:
    file = VectorFile(
        "block.certificate",
        "Payloads by which a voter shows votes beyond a fork of their lane; nothing is verified here.",
    )
    for kind in ("N", "S", "F"):
        file.accept(f"of kind {kind}", agreement.encode_certificate(_certificate_of(kind)))
    value = codec.decode(agreement.encode_certificate(_certificate_of("N")))
    file.reject("eight parts", codec.encode([*value, b""]), "certificate.bad_field")
    file.reject("height as bool", _replaced(value, 0, True), "certificate.bad_field")
    file.reject("no block", _replaced(value, 4, b""), "certificate.bad_field")
    file.reject("no signer", codec.encode([*value[:5], [], []]), "certificate.bad_field")
    file.reject("more than a payload holds", bytes(65_537), "codec.too_large")
    return file.document()


def _vote_signatures() -> Document:
    cases = []
    for kind in ("N", "S", "F"):
        vote = _vote(kind)
        message = agreement.vote_message(CIRCLE.group, 1, vote)
        for name, group, epoch, judged in (
            ("good", CIRCLE.group, 1, vote),
            ("another group", b"\x01" * 32, 1, vote),
            ("another epoch", CIRCLE.group, 2, vote),
            ("another view", CIRCLE.group, 1, replace(vote, view=5)),
        ):
            cases.append(
                {
                    "name": f"{kind}, {name}",
                    "group": group.hex(),
                    "epoch": epoch,
                    "vote": codec.encode(
                        [judged.height, judged.attempt, judged.view, judged.kind, judged.block]
                    ).hex(),
                    "signature": judged.signature.hex(),
                    "valid": agreement.is_vote_signed(ALICE.public, group, epoch, judged),
                    "good_message": message.hex(),
                }
            )
    return {"about": "What a vote's signature covers.", "key": ALICE.public.hex(), "cases": cases}


def _configurations() -> Document:
    cases = [
        {"voters": [[member.hex(), key.hex()] for member, key in CONFIGURATION.voters],
         "charter_hash": CONFIGURATION.charter_hash.hex(), "epoch": 1, "lying_voters": 0,
         "hash": CONFIGURATION.hash.hex(), "quorum": CONFIGURATION.quorum}
    ]  # fmt: skip
    for voters, liars in (
        (1, 0),
        (3, 0),
        (4, 1),
        (5, 1),
        (6, 1),
        (7, 2),
        (10, 3),
        (20, 6),
        (50, 16),
        (200, 66),
    ):
        named = tuple((number.to_bytes(32, "big"), ALICE.public) for number in range(voters))
        quorum = Configuration(named, liars, ZERO_HASH, 1).quorum
        cases.append({"voter_count": voters, "lying_voters": liars, "quorum": quorum})
    return {"about": "Names of configurations, and how many votes decide.", "cases": cases}


def _merkle() -> Document:
    """RFC 6962 trees, with the leaves of that document's own reference implementation among them."""
    known = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    cases = []
    for count in (0, 1, 2, 3, 5, 7, 8):
        leaves = [bytes.fromhex(text) for text in known[:count]]
        root = merkle_root(leaves)
        paths = [audit_path(leaves, index) for index in range(count)]
        assert all(
            is_leaf_of(root, leaf, i, count, path)
            for i, (leaf, path) in enumerate(zip(leaves, paths, strict=True))
        )
        cases.append(
            {
                "leaves": known[:count],
                "root": root.hex(),
                "paths": [[item.hex() for item in path] for path in paths],
            }
        )
    operations = [(bytes([number]) * 32, "" if number % 2 else "invite.spent") for number in range(3)]
    return {
        "about": "Merkle trees of RFC 6962; the roots of a cut and of outcomes.",
        "cases": cases,
        "cut": {
            "entries": [[e.key.hex(), e.lane, e.seq, e.id.hex()] for e in CUT],
            "root": agreement.cut_root(CUT).hex(),
        },
        "operations": {
            "outcomes": [[entry.hex(), rule] for entry, rule in operations],
            "root": agreement.ops_root(operations).hex(),
        },
    }

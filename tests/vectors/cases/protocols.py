"""Vectors of the wire protocols: frames of sync, join, query and proof."""

from __future__ import annotations

from typing import Any

import msgpack

from p2pnode.core import codec
from p2pnode.replication import messages
from p2pnode.replication.messages import HeadColumns, Part, Shown, encode_message
from protocols.join import encode_answer, encode_request
from protocols.port import (
    EntryProofAsked,
    FinalProofAsked,
    JoinAnswer,
    JoinRequest,
    RowProofAsked,
    WireEntry,
)
from protocols.proof import encode_question
from tests.vectors.cases.material import ALICE, BOB, CIRCLE, START_MS
from tests.vectors.cases.state import join_of
from tests.vectors.cases.vector_file import Document, VectorFile

_32, _16 = b"\x51" * 32, b"\x52" * 16
_HEADS = [Shown(ALICE.public, 0, 7, _16, False), Shown(BOB.public, 2, -1, bytes(16), True)]


def documents() -> dict[str, Document]:
    return {
        "sync_message": _sync_message(),
        "join_request": _join_request(),
        "join_answer": _join_answer(),
        "query_question": _query_question(),
        "query_answer": _query_answer(),
        "proof_question": _proof_question(),
        "proof_answer": _proof_answer(),
    }


def _each_message() -> dict[str, messages.Message]:
    columns = messages.head_columns(_HEADS)
    offered = messages.Offered(3, _32, 0b101, bytes(64), _16, 9, bytes(16), 0)
    return {
        "hello": messages.Hello(1, _32, START_MS),
        "proof": messages.Proof([messages.KeyProof(ALICE.public, bytes(64))]),
        "offer": messages.Offer([offered], True),
        "heads": messages.Heads(3, 9, columns),
        "no heads": messages.Heads(3, 9, HeadColumns()),
        "wants": messages.Wants(3, 1, True, ALICE.public + BOB.public, b"\x00\x02", [0, 5], [7, 2**40 - 1]),
        "runs": messages.Runs(3, 1, False, True, b"body"),
        "end of runs": messages.Runs(3, 1, True, False, b""),
        "credit": messages.Credit(65536),
        "push": messages.Push(3, ALICE.public, 0, 7, 7, _16, b"body", []),
        "push with a body": messages.Push(3, ALICE.public, 1, 0, 1, _16, b"body", [bytes(32) + b"\x80"]),
        "annexes wanted": messages.AnnexWant(3, 2, _32 * 2),
        "annexes": messages.Annexes(3, 2, True, [bytes(32) + b"\x80"]),
        "presence": messages.PresenceShown(3, 1, ALICE.public, START_MS, bytes(64)),
        "fork wanted": messages.ForkWant(3, ALICE.public, 0),
        "fork": messages.Fork(3, ALICE.public, 0, b"proof"),
        "branch wanted": messages.BranchWant(3, 4, ALICE.public, 0, 5, 512),
        "branch": messages.Branch(3, 4, [b"header"], [bytes(64)]),
        "ranges": messages.Ranges(3, [Part(ALICE.public + b"\x00", _32), Part(b"", b"", True, columns)]),
        "ticket": messages.Ticket(_16),
    }


def _packed(*fields: Any) -> bytes:
    return msgpack.packb(list(fields), use_bin_type=True)


def _sync_message() -> Document:
    file = VectorFile(
        "sync_message", "Frames of /p2pnode/sync/1 and /p2pnode/bulk/1; facts name the message."
    )
    for name, message in _each_message().items():
        file.accept(name, encode_message(message))
    file.accept("a field of a later version", _packed(0, 2, _32, START_MS, "later"))
    for name, data in {
        "nothing": b"",
        "an unknown kind": _packed(99, _32),
        "a map": codec.encode({}),
        "a field too few": _packed(0, 1, _32),
        "a bool as version": _packed(0, True, _32, START_MS),
        "version 0": _packed(0, 0, _32, START_MS),
        "a short nonce": _packed(0, 1, b"", START_MS),
        "nine keys": _packed(1, [[_32, bytes(64)]] * 9),
        "a short signature": _packed(1, [[_32, b""]]),
        "lane mask 8": _packed(2, [[0, _32, 8, b"", _16, 0, _16, 0]], False),
        "group 1,024": _packed(10, 1024, _32, 0),
        "lane 3": _packed(10, 0, _32, 3),
        "seq 2^40": _packed(4, 0, 0, False, _32, b"\x00", [2**40], [0]),
        "credit of nothing": _packed(6, 0),
        "credit of 65 MiB": _packed(6, 65 << 20),
        "push of 8,193 bytes": _packed(7, 0, _32, 0, 0, 0, _16, bytes(8193), []),
        "push without a list of annexes": _packed(7, 0, _32, 0, 0, 0, _16, b"body"),
        "push of 17 annexes": _packed(7, 0, _32, 0, 0, 0, _16, b"body", [bytes(32)] * 17),
        "push of an annex of 31 bytes": _packed(7, 0, _32, 0, 0, 0, _16, b"body", [bytes(31)]),
        "push of an annex of 8,193 bytes": _packed(7, 0, _32, 0, 0, 0, _16, b"body", [bytes(8193)]),
        "an annex without its random bytes": _packed(9, 0, 0, True, [bytes(31)]),
        "513 headers wanted": _packed(12, 0, 0, _32, 0, 0, 513),
        "more than a frame holds": bytes(messages.MESSAGE_BYTES_MAX + 1),
    }.items():
        file.reject(name, data, "sync.bad_frame")
    author, tag = ALICE.public, _16
    for name, columns in {
        "authors too short": [author[1:], b"\x00", [1], tag, []],
        "lanes too many": [author, b"\x00\x00", [1], tag, []],
        "a tag too few": [author, b"\x00", [1], b"", []],
        "lane 3 in a column": [author, b"\x03", [1], tag, []],
        "a fork of no lane": [author, b"\x00", [1], tag, [1]],
        "no entry and no fork": [author, b"\x00", [-1], tag, []],
    }.items():
        file.reject(name, _packed(3, 0, 0, columns), "sync.bad_heads")
    file.reject("wants of half an author", _packed(4, 0, 0, False, _16, b"", [], []), "sync.bad_column")
    file.reject("annexes of half a hash", _packed(8, 0, 0, _16), "sync.bad_column")
    push = _packed(7, 0, _32, 0, 0, 0, _16, b"body", [bytes(4096), bytes(4097)])
    file.reject("push of 8,193 bytes of annexes", push, "sync.bad_push")
    bound = author + b"\x00"
    for name, parts in {
        "a bound of 32 bytes": [[author, b"", False, None]],
        "bounds out of order": [[bound, b"", False, None], [bound, b"", False, None]],
        "something after the end": [[b"", b"", False, None], [bound, b"", False, None]],
    }.items():
        file.reject(name, _packed(14, 0, parts), "sync.bad_ranges")
    return file.document()


def _wire(entry: Any) -> WireEntry:
    return WireEntry(entry.header_bytes, entry.signature, entry.payload)


def _join_request() -> Document:
    file = VectorFile("join_request", "Requests of /p2pnode/join/1.")
    join = _wire(join_of(BOB))
    file.accept("a join", encode_request(JoinRequest(CIRCLE.group, (join,), ())))
    file.accept("with an annex", encode_request(JoinRequest(CIRCLE.group, (join,), (bytes(32) + b"\x80",))))
    file.accept("a field of a later version", codec.encode([1, CIRCLE.group, [list(join)], [], "later"]))
    for name, value in {
        "a map": {},
        "version 2": [2, CIRCLE.group, [list(join)], []],
        "version as bool": [True, CIRCLE.group, [list(join)], []],
        "a short group": [1, b"", [list(join)], []],
        "no entry": [1, CIRCLE.group, [], []],
        "65 entries": [1, CIRCLE.group, [list(join)] * 65, []],
        "an annex without its random bytes": [1, CIRCLE.group, [list(join)], [bytes(31)]],
        "annexes as map": [1, CIRCLE.group, [list(join)], {}],
    }.items():
        file.reject(name, codec.encode(value), "join.bad_request")
    header, signature, payload = join
    for name, entry in {
        "two parts of an entry": [header, signature],
        "a text as header": ["x", signature, payload],
        "no signature": [header, b"", payload],
        "a header of 1,025 bytes": [bytes(1025), signature, payload],
        "a payload of 64 KiB and a byte": [header, signature, bytes(65537)],
    }.items():
        file.reject(name, codec.encode([1, CIRCLE.group, [entry], []]), "join.bad_entry")
    file.reject("nothing", b"", "codec.not_msgpack")
    return file.document()


def _join_answer() -> Document:
    file = VectorFile("join_answer", "First frames of answers of /p2pnode/join/1.")
    founding, join = _wire(CIRCLE), _wire(join_of(BOB))
    admitted = encode_answer(JoinAnswer("provisional", "", "", founding, (join,)))
    file.accept("admitted", admitted[0], frames_that_follow=[frame.hex() for frame in admitted[1:]])
    petition = JoinAnswer("petition", "join.needs_decision", "the group decides about newcomers", None, ())
    file.accept("a petition", encode_answer(petition)[0])
    file.accept("refused", encode_answer(JoinAnswer("refused", "invite.spent", "used up", None, ()))[0])
    for name, value in {
        "five fields": [1, "refused", "", "", None],
        "version 2": [2, "refused", "", "", None, 0],
        "an unknown verdict": [1, "perhaps", "", "", None, 0],
        "a number as verdict": [1, 1, "", "", None, 0],
        "a rule of 65 letters": [1, "refused", "a" * 65, "", None, 0],
        "a message of 501 letters": [1, "refused", "", "a" * 501, None, 0],
        "10,001 entries": [1, "member", "", "", list(founding), 10_001],
        "a bool as count": [1, "member", "", "", list(founding), True],
        "admitted without founding": [1, "member", "", "", None, 0],
        "refused with founding": [1, "refused", "", "", list(founding), 0],
        "refused with entries": [1, "refused", "", "", None, 1],
    }.items():
        file.reject(name, codec.encode(value), "join.bad_answer")
    file.reject("a founding that is no entry", codec.encode([1, "member", "", "", [], 0]), "join.bad_entry")
    return file.document()


def _query_question() -> Document:
    file = VectorFile("query_question", "Questions of /p2pnode/query/1.")
    file.accept("a name alone", codec.encode(["groups"]))
    file.accept("with arguments", codec.encode(["members", CIRCLE.group, 20]))
    for name, value in {"nothing asked": [], "a number as name": [1], "a map": {}}.items():
        file.reject(name, codec.encode(value), "query.bad_question")
    file.reject("64 KiB and a byte", bytes(65537), "codec.too_large")
    return file.document()


def _query_answer() -> Document:
    file = VectorFile("query_answer", "Answers of /p2pnode/query/1.")
    file.accept("an answer", codec.encode([0, {"entries": []}]))
    file.accept("declined", codec.encode([1, "query.unknown", "there is no such question", "ask `help`"]))
    for name, value in {
        "a map": {},
        "an unknown kind": [2, {}],
        "false as kind": [False, {}],
        "declined without remedy": [1, "query.unknown", "no"],
        "declined with numbers": [1, 2, 3, 4],
        "declined at length": [1, "query.unknown", "a" * 501, ""],
    }.items():
        file.reject(name, codec.encode(value), "query.bad_answer")
    return file.document()


def _proof_question() -> Document:
    file = VectorFile("proof_question", "Questions of /p2pnode/proof/1.")
    file.accept("the last final block", encode_question(FinalProofAsked(CIRCLE.group, 0)))
    file.accept("a final block", encode_question(FinalProofAsked(CIRCLE.group, 12)))
    file.accept("what became of an entry", encode_question(EntryProofAsked(CIRCLE.group, _32)))
    file.accept("a row", encode_question(RowProofAsked(CIRCLE.group, b"member\0" + _32)))
    for name, value in {
        "nothing asked": [],
        "a later version": [2, "final", CIRCLE.group, 0],
        "true as version": [True, "final", CIRCLE.group, 0],
        "an unknown question": [1, "state", CIRCLE.group, 0],
        "a short group": [1, "final", _16, 0],
        "a height below zero": [1, "final", CIRCLE.group, -1],
        "true as height": [1, "final", CIRCLE.group, True],
        "a short entry": [1, "entry", CIRCLE.group, _16],
        "a row without a key": [1, "row", CIRCLE.group, b""],
        "a key of 257 bytes": [1, "row", CIRCLE.group, bytes(257)],
    }.items():
        file.reject(name, codec.encode(value), "proof.bad_question")
    file.reject("513 bytes", bytes(513), "codec.too_large")
    return file.document()


def _proof_answer() -> Document:
    file = VectorFile("proof_answer", "First frames of answers of /p2pnode/proof/1.")
    file.accept("a size", codec.encode([1, 700_000]))
    file.accept("declined", codec.encode([1, "proof.not_final", "no block has ordered it", "wait"]))
    for name, value in {
        "no size": [1, 0],
        "more than 16 MiB": [1, 16 * 1024 * 1024 + 1],
        "true as size": [1, True],
        "a later version": [2, 700_000],
        "declined without remedy": [1, "proof.not_final", "no"],
        "declined by no rule": [1, "no!", "no", ""],
        "declined with control characters": [1, "proof.not_final", "\x1b[2J", ""],
        "declined at length": [1, "proof.not_final", "a" * 501, ""],
    }.items():
        file.reject(name, codec.encode(value), "proof.bad_answer")
    return file.document()

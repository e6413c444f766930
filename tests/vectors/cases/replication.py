"""Vectors of replication: runs, as they travel in a frame, and fork proofs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgpack

from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256
from p2pnode.core.entry import ENTRY_TAG, Entry, Header, encode_header, payload_fields, sign_entry
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.replication.run import StoredEntry, encode_run, pack_runs
from tests.vectors.cases.material import ALICE, BOB, CIRCLE, SMALL_ORDER_KEY, START_MS
from tests.vectors.cases.vector_file import Document, VectorFile

_ACK = b"\x31" * 32


def documents() -> dict[str, Document]:
    return {"run": _run(), "run_compressed": _run_compressed(), "fork_proof": _fork_proof()}


def lane_of(
    key: SigningKey, count: int, *, lane: int = 0, payload: bytes = b"\xc0", fork_at: int = 1 << 40
) -> list[Entry]:
    """Consecutive entries of a lane. Shapes: from `fork_at` on, another branch."""
    entries: list[Entry] = []
    prev = ZERO_HASH
    for seq in range(count):
        body = payload + (b"\x01" if seq >= fork_at else b"")
        acks = (_ACK,) if seq == 1 and lane != 1 else ()
        depth = seq if lane == 1 else seq * 2
        header = Header(
            1,
            CIRCLE.group,
            key.public,
            lane,
            seq,
            prev,
            depth,
            START_MS + seq * 1000,
            acks,
            "note",
            *payload_fields(body),
        )
        entries.append(sign_entry(key, header, body))
        prev = entries[-1].id
    return entries


def stored(
    entries: Sequence[Entry], *, unsigned: Sequence[int] = (), bare: Sequence[int] = ()
) -> list[StoredEntry]:
    return [
        StoredEntry(
            entry.header_bytes,
            None if index in unsigned else entry.signature,
            None if index in bare else entry.payload,
            0 if index in unsigned else 1,
        )
        for index, entry in enumerate(entries)
    ]


def run_of(entries: Sequence[StoredEntry], key: SigningKey = ALICE, **place: Any) -> bytes:
    fields = {
        "group": CIRCLE.group,
        "author": key.public,
        "lane": 0,
        "first_seq": 0,
        "prev_id": ZERO_HASH,
        **place,
    }
    return encode_run(entries=entries, **fields)


def _frame(*runs: Sequence[Any]) -> bytes:
    return msgpack.packb([list(run) for run in runs], use_bin_type=True)


def _run() -> Document:
    file = VectorFile("run", "Frames of runs, not compressed; facts give the rebuilt headers and ids (J7).")
    entries = lane_of(ALICE, 4)
    plain = pack_runs([run_of(stored(entries))], compress=False)
    file.accept("four entries", plain, seed=ALICE.seed.hex())
    file.accept("one entry", pack_runs([run_of(stored(entries[:1]))], compress=False))
    holes = run_of(stored(entries, unsigned=[0, 2], bare=[1]))
    file.accept("two unsigned, one payload left out", pack_runs([holes], compress=False))
    middle = run_of(stored(entries[2:]), first_seq=2, prev_id=entries[1].id)
    file.accept("from the middle of a lane", pack_runs([middle], compress=False))
    votes = run_of(stored(lane_of(ALICE, 2, lane=1)), lane=1)
    file.accept("lane 1", pack_runs([votes], compress=False))
    other = run_of(stored(lane_of(BOB, 1)), BOB)
    file.accept("two lanes", pack_runs([run_of(stored(entries)), other], compress=False))
    empty = run_of(stored(lane_of(ALICE, 2, payload=b"")))
    file.accept("entries without payloads", pack_runs([empty], compress=False))
    later = _later_version()
    file.accept("an entry of a later version", pack_runs([run_of([later])], compress=False))
    columns: list[Any] = msgpack.unpackb(plain, raw=False)[0]
    for name, (index, bad, rule) in _wrong_columns(columns).items():
        file.reject(name, _frame([*columns[:index], bad, *columns[index + 1 :]]), rule)
    file.reject("no run", _frame(), "run.bad_frame")
    file.reject("nothing", b"", "run.bad_frame")
    file.reject("a byte too many", plain + b"\x00", "run.bad_frame")
    file.reject("an unknown form", _frame([3, *columns[1:]]), "run.bad_frame")
    file.reject("a column too many", _frame([*columns, 0]), "run.bad_frame")
    file.reject("two groups", _frame(columns, [1, b"\x41" * 32, *columns[2:]]), "run.mixed_groups")
    file.reject("1 MiB and a byte", bytes(1024 * 1024 + 1), "run.too_large")
    vote_columns: list[Any] = msgpack.unpackb(pack_runs([votes], compress=False), raw=False)[0]
    deep = [*vote_columns[:6], [1, 1], *vote_columns[7:]]
    file.reject("lane 1 with other depths", _frame(deep), "entry.bad_vote_lane")
    _reject_whole(file, later, entries)
    return file.document()


def _wrong_columns(columns: list[Any]) -> dict[str, tuple[int, Any, str]]:
    """Name to (index of the column, what stands there instead, rule)."""
    acks, signatures = columns[8], columns[11]
    return {
        "group of zeros": (1, ZERO_HASH, "run.bad_header"),
        "a short group": (1, b"", "run.bad_frame"),
        "small-order author": (2, SMALL_ORDER_KEY, "run.bad_header"),
        "lane 3": (3, 3, "run.bad_frame"),
        "lane as bool": (3, False, "run.bad_frame"),
        "seq 5 without prev": (4, 5, "run.bad_header"),
        "prev before the first entry": (5, b"\x42" * 32, "run.bad_header"),
        "a depth too few": (6, columns[6][:-1], "run.bad_column"),
        "a depth below zero": (6, [-1, *columns[6][1:]], "run.bad_column"),
        "a depth as bool": (6, [True, *columns[6][1:]], "run.bad_frame"),
        "a time too many": (7, [*columns[7], 1], "run.bad_column"),
        "a time beyond 2^53": (7, [2**53, *columns[7][1:]], "run.bad_column"),
        "an empty list of acks": (8, [[0, []], *acks], "run.bad_column"),
        "acks of a fifth entry": (8, [*acks, [4, [_ACK]]], "run.bad_column"),
        "acks of one entry twice": (8, acks * 2, "run.bad_column"),
        "one ack twice": (8, [[1, [_ACK, _ACK]]], "entry.bad_acks"),
        "equal types listed": (9, ["note"] * 4, "run.bad_column"),
        "types of three entries": (9, ["a", "b", "c"], "run.bad_column"),
        "a bad type": (9, "No Type", "entry.bad_type"),
        "a founding": (9, "group.found", "run.bad_column"),
        "no entries": (10, [], "run.bad_column"),
        "501 entries": (10, [b""] * 501, "run.bad_column"),
        "an absent payload of no bytes": (10, [[0, bytes(32)], *columns[10][1:]], "run.bad_frame"),
        "63 bytes of signature": (11, signatures[:-1], "run.bad_signatures"),
        "no signatures": (11, b"", "run.bad_signatures"),
        "the last one unsigned": (12, [3], "run.bad_signatures"),
    }


def _reject_whole(file: VectorFile, later: StoredEntry, entries: Sequence[Entry]) -> None:
    """Add the faults of runs whose headers travel as they are."""
    place = [2, CIRCLE.group, ALICE.public, 0, 0, ZERO_HASH]
    known = entries[0]
    signature, payload = later.signature, later.payload
    last_unsigned = [*place, [later.header], [payload], b"", [0]]
    file.reject("whole headers, the last one unsigned", _frame(last_unsigned), "run.bad_signatures")
    out_of_order = [*place, [later.header] * 3, [payload] * 3, signature, [1, 0]]
    file.reject("whole headers, unsigned ones out of order", _frame(out_of_order), "run.bad_signatures")
    all_known = [*place, [known.header_bytes], [known.payload], known.signature, []]
    file.reject("whole headers, all of the known version", _frame(all_known), "run.bad_header")
    moved = [*place[:3], 2, *place[4:], [later.header], [payload], signature, []]
    file.reject("whole headers, of another lane", _frame(moved), "run.bad_header")
    short = [*place, [later.header], [], signature, []]
    file.reject("whole headers, no payload column", _frame(short), "run.bad_column")
    other_payload = [*place, [later.header], [b"\xc2"], signature, []]
    file.reject("whole headers, another payload", _frame(other_payload), "entry.bad_payload")
    broken = [*place, [b"\x90"], [None], signature, []]
    file.reject("whole headers, one of no fields", _frame(broken), "entry.bad_header")


def _later_version() -> StoredEntry:
    """An entry whose header has a version and a field that this version does not know (J6)."""
    payload = b"\xc0"
    header = Header(
        2, CIRCLE.group, ALICE.public, 0, 0, ZERO_HASH, 0, START_MS, (), "note", *payload_fields(payload)
    )
    header_bytes = msgpack.packb([*header, 77], use_bin_type=True)
    return StoredEntry(header_bytes, ALICE.sign(ENTRY_TAG + header_bytes), payload, 1)


def _run_compressed() -> Document:
    file = VectorFile(
        "run_compressed", "Frames of runs under zlib; compressors differ, so only the inside is golden."
    )
    run = run_of(stored(lane_of(ALICE, 2)))
    body = pack_runs([run], compress=False)
    # Stored blocks: the same bytes whatever the version of zlib.
    plain = zlib.compressobj(0)
    packed = plain.compress(body) + plain.flush()
    file.accept("stored blocks", packed)
    file.reject("not zlib", body, "run.bad_frame")
    file.reject("cut", packed[:-1], "run.bad_frame")
    file.reject("a byte too many", packed + b"\x00", "run.bad_frame")
    return file.document()


def _fork_proof() -> Document:
    file = VectorFile(
        "fork_proof", "Two branches of one lane, from the first difference to a valid signature (J5, J17)."
    )
    left, right = lane_of(ALICE, 4), lane_of(ALICE, 4, fork_at=2)

    def branch(entries: Sequence[Entry], first: int = 2, last: int = 3) -> Branch:
        headers = tuple(entry.header_bytes for entry in entries[first : last + 1])
        signature = entries[last].signature
        assert signature is not None
        return Branch(headers, signature)

    short = encode_fork_proof(branch(left, 2, 2), branch(right, 2, 2))
    long = encode_fork_proof(branch(left), branch(right))
    file.accept("one header each", short, seed=ALICE.seed.hex())
    file.accept("two headers each", long)
    file.accept("one and two headers", encode_fork_proof(branch(left, 2, 2), branch(right)))
    first_entries = lane_of(ALICE, 1), lane_of(ALICE, 1, fork_at=0)
    file.accept(
        "at the first entry", encode_fork_proof(*(branch(entries, 0, 0) for entries in first_entries))
    )
    tag, first, first_signature, second, second_signature = msgpack.unpackb(short, raw=False)

    def packed(*parts: Any) -> bytes:
        return msgpack.packb(list(parts), use_bin_type=True)

    swapped = packed(tag, second, second_signature, first, first_signature)
    file.reject("branches out of order", swapped, "fork.bad_order")
    file.reject(
        "one branch twice", packed(tag, first, first_signature, first, first_signature), "fork.same_branch"
    )
    unsigned = packed(tag, first, bytes(64), second, second_signature)
    file.reject("a branch that nobody signed", unsigned, "fork.bad_signature")
    file.reject("four parts", packed(tag, first, first_signature, second), "fork.bad_format")
    file.reject(
        "another form", packed(2, first, first_signature, second, second_signature), "fork.bad_format"
    )
    file.reject(
        "a branch of no headers",
        packed(tag, [], first_signature, second, second_signature),
        "fork.bad_format",
    )
    file.reject("a form in long form", short.replace(b"\x95\x01", b"\x95\xcc\x01", 1), "fork.bad_format")
    file.reject("nothing", b"", "fork.bad_format")
    file.reject("1 MiB and a byte", bytes(1024 * 1024 + 1), "fork.too_large")
    other_lane = lane_of(ALICE, 4, lane=2)
    file.reject(
        "two lanes", encode_fork_proof(branch(left, 2, 2), branch(other_lane, 2, 2)), "fork.bad_place"
    )
    file.reject("two places", encode_fork_proof(branch(left, 2, 2), branch(left, 3, 3)), "fork.bad_place")
    after = encode_fork_proof(branch(left, 3, 3), branch(right, 3, 3))
    file.reject("after the first difference", after, "fork.bad_place")
    gap = Branch((left[1].header_bytes, left[3].header_bytes), left[3].signature or b"")
    file.reject("a gap in a branch", encode_fork_proof(gap, branch(right, 1, 3)), "fork.bad_branch")
    bad_header = encode_header(left[2].header._replace(version=0))
    broken = sorted(
        [([bad_header], first_signature), (second, second_signature)], key=lambda half: sha256(half[0][0])
    )
    halves = [part for half in broken for part in half]
    file.reject("a bad header", packed(tag, *halves), "entry.bad_header")
    return file.document()

"""Runs: what the receiver rebuilds is what was written, and what no correct node writes is refused by
name."""

import zlib
from typing import Any

import msgspec
import pytest

from p2pnode.core.crypto import SMALL_ORDER_KEYS, ZERO_HASH, sha256
from p2pnode.core.entry import Header, encode_header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import FRAME_BYTES_MAX, RUN_ENTRIES_MAX
from p2pnode.replication.run import StoredEntry, decode_runs, encode_run, pack_runs
from tests.unit.replication.shelf import GROUP, START_MS, chain, key_of

ALICE = key_of("alice")


def _run(entries: list[StoredEntry], first: int = 0, prev: bytes = ZERO_HASH, lane: int = 0) -> bytes:
    return encode_run(GROUP, ALICE.public, lane, first, prev, entries)


def _decoded(run: bytes) -> Any:
    return decode_runs(pack_runs([run], compress=False), compressed=False)[0]


def _rules(fields: list[Any]) -> str:
    """The rule that a hand-made run breaks."""
    with pytest.raises(FormatError) as caught:
        _decoded(msgspec.msgpack.encode(fields))
    return caught.value.rule


def _columns(count: int = 3) -> list[Any]:
    fields: list[Any] = msgspec.msgpack.decode(_run(chain(ALICE, 0, [], count)))
    return fields


@pytest.mark.parametrize("compress", [False, True])
def test_a_run_gives_back_what_was_written(compress: bool) -> None:
    entries = chain(ALICE, 0, [], 20)
    frame = pack_runs(
        [_run(entries[:12]), _run(entries[12:], 12, sha256(entries[11].header))], compress=compress
    )
    first, second = decode_runs(frame, compressed=compress)
    assert (first.group, first.author, first.lane, first.first_seq) == (GROUP, ALICE.public, 0, 0)
    rows = [*first.rows, *second.rows]
    assert [(row.header, row.signature, row.payload) for row in rows] == [entry[:3] for entry in entries]
    assert [row.id for row in rows] == [sha256(entry.header) for entry in entries]
    assert rows[5].prefix == int.from_bytes(rows[5].id[:8], "big", signed=True)
    assert second.prev_id == first.rows[-1].id


def test_absent_payloads_and_signatures_travel_as_such() -> None:
    entries = chain(ALICE, 0, [], 4)
    thinned = [
        entries[0]._replace(payload=None, signature=None, checked=0),
        entries[1],
        entries[2]._replace(signature=None, checked=0),
        entries[3]._replace(payload=None),
    ]
    rows = _decoded(_run(thinned)).rows
    assert [(row.header, row.signature, row.payload) for row in rows] == [entry[:3] for entry in thinned]


def test_acks_types_and_empty_payloads_are_kept() -> None:
    acks = tuple(sorted(sha256(bytes([i])) for i in range(8)))
    prev, made = ZERO_HASH, []
    for seq, (type_, payload) in enumerate([("ack", b""), ("note", b"x"), ("ack", b"")]):
        size, digest = payload_fields(payload)
        own_acks = acks if seq == 1 else ()
        header = Header(
            1, GROUP, ALICE.public, 0, seq, prev, seq, START_MS + seq, own_acks, type_, size, digest
        )
        entry = sign_entry(ALICE, header, payload)
        prev = entry.id
        made.append(StoredEntry(entry.header_bytes, entry.signature, payload, 1))
    rows = _decoded(_run(made)).rows
    assert [row.header for row in rows] == [entry.header for entry in made]
    assert [tuple(row.acks) for row in rows] == [(), acks, ()]
    assert [row.type for row in rows] == ["ack", "note", "ack"]


def test_j6_headers_of_later_versions_travel_whole() -> None:
    entries = chain(ALICE, 0, [], 2)
    fields = msgspec.msgpack.decode(entries[1].header)
    later = msgspec.msgpack.encode([2, *fields[1:], "a later field"])
    run = _run([entries[0], entries[1]._replace(header=later)])
    rows = _decoded(run).rows
    assert [row.header for row in rows] == [entries[0].header, later]
    assert rows[1].id == sha256(later)
    known = msgspec.msgpack.decode(run)
    known[6] = [entry.header for entry in entries]
    assert _rules(known) == "run.bad_header", "what fits in columns has one form only"


def test_j7_a_run_ends_at_a_verified_signature() -> None:
    entries = chain(ALICE, 0, [], 3)
    for tail in (entries[2]._replace(checked=0), entries[2]._replace(signature=None)):
        with pytest.raises(ValueError, match="verified signature"):
            _run([*entries[:2], tail])
    with pytest.raises(ValueError, match="1 to 500"):
        _run([])
    fields = _columns()
    fields[11], fields[12] = fields[11][:128], [2]
    assert _rules(fields) == "run.bad_signatures"


def test_j7_there_are_no_aliases() -> None:
    a_bool, an_empty_ack, a_list_of_one_type, a_float = _columns(), _columns(), _columns(), _columns()
    a_bool[7][1] = True
    an_empty_ack[8] = [[1, []]]
    a_list_of_one_type[9] = ["note"] * 3
    a_float[7][1] = 1.0
    assert _rules(a_bool) == "run.bad_frame"
    assert _rules(an_empty_ack) == "run.bad_column"
    assert _rules(a_list_of_one_type) == "run.bad_column"
    assert _rules(a_float) == "run.bad_frame"


@pytest.mark.parametrize(
    ("index", "value", "rule"),
    [
        (0, 3, "run.bad_frame"),
        (1, ZERO_HASH, "run.bad_header"),
        (2, min(SMALL_ORDER_KEYS), "run.bad_header"),
        (3, 3, "run.bad_frame"),
        (3, 1, "entry.bad_vote_lane!"),
        (4, 1, "run.bad_header"),
        (4, 1 << 40, "run.bad_frame"),
        (5, sha256(b"x"), "run.bad_header"),
        (6, [0, 1], "run.bad_column"),
        (6, [0, -1, 1], "run.bad_column"),
        (7, [1 << 53, 0, 0], "run.bad_column"),
        (8, [[3, [bytes(32)]]], "run.bad_column"),
        (8, [[1, [bytes(32)]], [1, [bytes(32)]]], "run.bad_column"),
        (8, [[1, [bytes(32)] * 2]], "entry.bad_acks"),
        (8, [[1, [bytes([i]) * 32 for i in range(9)]]], "entry.bad_acks"),
        (9, "No", "entry.bad_type"),
        (9, "group.found", "run.bad_column"),
        (9, ["note", "ack"], "run.bad_column"),
        (10, [b"", b"", [0, bytes(32)]], "run.bad_frame"),
        (10, [b"x" * 65537, b"", b""], "run.bad_frame"),
        (10, [], "run.bad_column"),
        (11, bytes(191), "run.bad_signatures"),
        (12, [1, 0], "run.bad_signatures"),
    ],
)
def test_what_no_correct_node_sends_is_refused(index: int, value: Any, rule: str) -> None:
    fields = _columns()
    fields[index] = value
    if rule.endswith("!"):
        fields[8] = [[1, [bytes(32)]]]
    assert _rules(fields) == rule.rstrip("!")


def test_j7_frames_are_bounded_when_inflated() -> None:
    bomb = zlib.compress(bytes(64 * FRAME_BYTES_MAX))
    cut = pack_runs([_run(chain(ALICE, 0, [], 3))], compress=True)[:-4]
    cases = {
        bomb: "run.too_large",
        cut: "run.bad_frame",
        cut + b"1234more": "run.bad_frame",
        b"no zlib": "run.bad_frame",
    }
    for frame, rule in cases.items():
        with pytest.raises(FormatError) as caught:
            decode_runs(frame, compressed=True)
        assert caught.value.rule == rule
    for frame, rule in {
        bytes(FRAME_BYTES_MAX + 1): "run.too_large",
        b"\x90": "run.bad_frame",
        b"\x91" * 9999: "",
    }.items():
        with pytest.raises(FormatError) as caught:
            decode_runs(frame, compressed=False)
        assert caught.value.rule == rule or not rule


def test_a_run_has_at_most_so_many_entries() -> None:
    fields = _columns(1)
    count = RUN_ENTRIES_MAX + 1
    fields[6:8] = [[0] * count, [START_MS, *[0] * (count - 1)]]
    fields[10], fields[11] = [b""] * count, bytes(64 * count)
    assert _rules(fields) == "run.bad_column"


def test_runs_of_two_groups_do_not_share_a_frame() -> None:
    other = sha256(b"another group")
    runs = [
        _run(chain(ALICE, 0, [], 1)),
        encode_run(other, ALICE.public, 0, 0, ZERO_HASH, chain(ALICE, 0, [], 1, group=other)),
    ]
    with pytest.raises(FormatError) as caught:
        decode_runs(pack_runs(runs, compress=False), compressed=False)
    assert caught.value.rule == "run.mixed_groups"


def test_many_runs_fit_in_a_frame() -> None:
    run = _run(chain(ALICE, 0, [], 1))
    for count in (1, 15, 16, 300):
        assert len(decode_runs(pack_runs([run] * count, compress=False), compressed=False)) == count


def test_the_rebuilt_header_is_the_canonical_one() -> None:
    entries = chain(ALICE, 0, [], 2)
    row = _decoded(_run(entries)).rows[1]
    size, digest = payload_fields(entries[1].payload or b"")
    header = Header(
        1, GROUP, ALICE.public, 0, 1, sha256(entries[0].header), 1, START_MS + 1000, (), "note", size, digest
    )
    assert row.header == encode_header(header)

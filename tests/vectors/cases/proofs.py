"""Vectors of what can be checked without a log: rows under a root, final blocks, faults, proofs."""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.certificate import Convocation, Final
from p2pnode.consensus.faults import (
    DoubleVote,
    Schism,
    certificates_in,
    encode_double_vote,
    encode_schism,
)
from p2pnode.consensus.proof import encode_proof
from p2pnode.consensus.recovered import commitment_of, sign_statement
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.snapshot import decode_chunk, encode_chunk, make_chunk
from p2pnode.consensus.trie import EMPTY_ROOT, prove, update
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import SigningKey, sha256
from tests.vectors.cases import decided_group
from tests.vectors.cases.decided import GROUP, header_of, voters
from tests.vectors.cases.vector_file import Document, VectorFile

_ROWS = {row_key("member", bytes([number]) * 32): codec.encode(["x", number]) for number in range(12)}
_BUILT = update(EMPTY_ROOT, _ROWS, {}.__getitem__)
_BY_HASH = {sha256(key): (key, value) for key, value in _ROWS.items()}
_ORDER = sorted(_BY_HASH)
_FOUR = voters(4)
_CONFIGURATION = _FOUR.configuration
_ONE, _OTHER = sorted(
    (header_of(_CONFIGURATION, body_hash=bytes([number]) * 32) for number in (1, 2)),
    key=lambda header: header.id,
)


def documents() -> dict[str, Document]:
    return {
        "trie": _tries(),
        "trie_node": _nodes(),
        "row_proof": _row_proofs(),
        "snapshot_chunk": _chunks(),
        "final": _finals(),
        "double_vote": _double_votes(),
        "schism": _schisms(),
        "proof": _proofs(),
        "proof_from_block": _proofs_from_blocks(),
    }


def _replaced(data: bytes, index: int, item: Value) -> bytes:
    """The array of an input with one item exchanged."""
    value = codec.decode(data)
    return codec.encode([*value[:index], item, *value[index + 1 :]])


def _tries() -> Document:
    cases = []
    for count in (0, 1, 2, 3, 12):
        rows = dict(list(_ROWS.items())[:count])
        built = update(EMPTY_ROOT, rows, {}.__getitem__)
        cases.append(
            {
                "name": f"{count} rows",
                "rows": [[key.hex(), value.hex()] for key, value in rows.items()],
                "root": built.root.hex(),
                "nodes": sorted(node.hex() for node in built.new.values()),
            }
        )
    return {"about": "The root over state rows, and all nodes below it (J9).", "cases": cases}


def _nodes() -> Document:
    file = VectorFile("trie_node", "Leaves and branches of the trie over state rows (J9).")
    leaf = b"\x00" + b"\x71" * 32 + b"\x72" * 32
    children = b"\x73" * 32 + b"\x74" * 32
    file.accept("a leaf", leaf)
    file.accept("a branch at bit 0", b"\x01\x00" + children)
    file.accept("a branch at bit 8", b"\x01\x08\xab" + children)
    file.accept("a branch at bit 9", b"\x01\x09\xab\x80" + children)
    file.accept("a branch at bit 255", b"\x01\xff" + b"\xaa" * 32 + children)
    file.reject("nothing", b"", "trie.bad_node")
    file.reject("a leaf of 66 bytes", leaf + b"\x00", "trie.bad_node")
    file.reject("a branch at bit 8 without prefix", b"\x01\x08" + children, "trie.bad_node")
    file.reject("a branch at bit 9 with one byte of prefix", b"\x01\x09\xab" + children, "trie.bad_node")
    file.reject("a third kind", b"\x02" + children, "trie.bad_node")
    return file.document()


def _row_proofs() -> Document:
    file = VectorFile(
        "row_proof", "[root, key, value or nil, proof]: that a row is there, or that none is (J9)."
    )
    root, nodes = _BUILT.root, _BUILT.new.__getitem__
    key = row_key("member", b"\x03" * 32)
    proof = prove(root, key, nodes)
    there = codec.encode([root, key, _ROWS[key], proof])
    missing_key = row_key("member", b"\xee" * 32)
    absence = prove(root, missing_key, nodes)
    missing = codec.encode([root, missing_key, None, absence])
    file.accept("a row", there)
    file.accept("no such row", missing)
    file.accept("no row at all", codec.encode([EMPTY_ROOT, key, None, prove(EMPTY_ROOT, key, nodes)]))
    bits, hashes, leaf = codec.decode(absence)
    file.reject("another value", _replaced(there, 2, b""), "proof.other_root")
    file.reject("another key", _replaced(there, 1, missing_key), "proof.other_root")
    file.reject("a row denied", _replaced(there, 2, None), "proof.other_root")
    file.reject("a row invented", _replaced(missing, 2, b""), "proof.bad_row")
    # Another row's leaf says nothing about a row that would stand on the other side of a branch.
    hidden = codec.encode([root, key, None, absence])
    file.reject("a row hidden behind another", hidden, "proof.bad_row")
    file.reject("no bits", _replaced(there, 3, codec.encode([b"", [], None])), "proof.other_root")
    down = codec.encode([bits[::-1], hashes, leaf])
    file.reject("bits from below", _replaced(missing, 3, down), "proof.bad_row")
    few = codec.encode([bits, hashes[1:], leaf])
    file.reject("a hash too few", _replaced(missing, 3, few), "proof.bad_row")
    half = codec.encode([bits, hashes, leaf[:1]])
    file.reject("half a leaf", _replaced(missing, 3, half), "proof.bad_row")
    file.reject("two fields", _replaced(missing, 3, codec.encode([bits, hashes])), "proof.bad_row")
    file.reject("no MessagePack", _replaced(missing, 3, b"\xc1"), "codec.not_msgpack")
    return file.document()


def _chunks() -> Document:
    file = VectorFile("snapshot_chunk", "[root, key hash or nil, chunk]: all rows from there on (J9).")

    def chunk(after: bytes | None, bytes_max: int = 150) -> bytes:
        return make_chunk(_BUILT.root, after, _BUILT.new.__getitem__, _BY_HASH.__getitem__, bytes_max)

    def claim(after: bytes | None, data: bytes) -> bytes:
        return codec.encode([_BUILT.root, after, data])

    file.accept("the first rows", claim(None, chunk(None)))
    file.accept("rows in the middle", claim(_ORDER[3], chunk(_ORDER[3])))
    file.accept("the last rows", claim(_ORDER[9], chunk(_ORDER[9])))
    file.accept("nothing follows", claim(_ORDER[11], chunk(_ORDER[11])))
    file.accept("from a place where no row is", claim(b"\x80" + bytes(31), chunk(b"\x80" + bytes(31))))
    empty = make_chunk(EMPTY_ROOT, None, {}.__getitem__, {}.__getitem__)
    file.accept("an empty state", codec.encode([EMPTY_ROOT, None, empty]))
    start = _ORDER[3]
    good = decode_chunk(chunk(start))
    rows = good.rows
    file.reject("nothing in a full state", claim(None, empty), "snapshot.other_root")
    file.reject("the rows after next", claim(start, chunk(_ORDER[4])), "snapshot.other_place")
    file.reject("rows once more", claim(start, chunk(_ORDER[2])), "snapshot.other_place")
    file.reject("not from the start", claim(None, chunk(start)), "snapshot.other_place")
    shorter = encode_chunk(replace(good, rows=rows[1:]))
    file.reject("a row left out", claim(start, shorter), "snapshot.other_root")
    altered = encode_chunk(replace(good, rows=((rows[0][0], b""), *rows[1:])))
    file.reject("a row altered", claim(start, altered), "snapshot.other_root")
    twice = encode_chunk(replace(good, rows=(rows[0], *rows)))
    file.reject("a row twice", claim(start, twice), "snapshot.bad_chunk")
    sides = encode_chunk(replace(good, left=good.right, right=good.left))
    file.reject("sides exchanged", claim(start, sides), "snapshot.bad_chunk")
    end = encode_chunk(replace(good, right=replace(good.right, bits=b"", hashes=())))
    file.reject("a pretended end", claim(start, end), "snapshot.other_root")
    file.reject("no rows", claim(start, encode_chunk(replace(good, rows=()))), "snapshot.bad_chunk")
    file.reject("version 2", claim(start, _replaced(chunk(start), 0, 2)), "snapshot.bad_chunk")
    return file.document()


def _finals() -> Document:
    file = VectorFile("final", "[configuration, [header, certificate, convocation or nil]]: a final block.")
    five = voters(5)
    header, other = (header_of(five.configuration, body_hash=bytes([number]) * 32) for number in (1, 2))
    written = five.configuration.value

    def claim(final: Final, configuration: Value = written) -> bytes:
        return codec.encode([configuration, final.value])

    good, convoked = five.final(header), five.convoked(header)
    assert convoked.convocation is not None
    closes, certificate = convoked.convocation.closes, good.certificate
    locked = (closes[0], five.close(1, header, 2, header.id), closes[2])
    shown = five.certificate(header, kind="N", view=2)
    file.accept("four of five", claim(good))
    file.accept("five of five, in view 3", claim(five.final(header, 0, 1, 2, 3, 4, view=3)))
    file.accept("three of five, convoked", claim(convoked))
    held = replace(convoked, convocation=Convocation(locked, shown))
    file.accept("convoked, with a lock", claim(held))
    _add_recovered(file)
    file.reject("three of five", claim(five.final(header, 0, 1, 2)), "certificate.no_quorum")
    file.reject("another block", claim(replace(good, header=other)), "certificate.other_block")
    file.reject(
        "notarized only", claim(Final(header, five.certificate(header, kind="N"))), "certificate.other_block"
    )
    strange = replace(certificate, signers=(0, 1, 2, 5))
    file.reject("a sixth voter", claim(replace(good, certificate=strange)), "certificate.unknown_signer")
    moved = replace(certificate, signers=(0, 1, 2, 4))
    file.reject("another signer", claim(replace(good, certificate=moved)), "certificate.bad_signature")
    later = replace(five.configuration, epoch=1).value
    file.reject("another epoch", claim(good, later), "certificate.other_configuration")
    higher = replace(certificate, height=2)
    file.reject("another height", claim(replace(good, certificate=higher)), "certificate.other_height")
    alone = replace(convoked, convocation=None)
    file.reject("convoked without closes", claim(alone), "certificate.no_closes")
    two = replace(convoked, convocation=Convocation(closes[:2], None))
    file.reject("convoked with two closes", claim(two), "certificate.no_closes")
    forged = Convocation((*closes[:2], replace(closes[2], signer=3)), None)
    file.reject(
        "another voter's close", claim(replace(convoked, convocation=forged)), "certificate.bad_close"
    )
    unlike = Convocation((closes[0], five.close(1, header, 2, other.id), closes[2]), None)
    file.reject(
        "a lock on another block", claim(replace(convoked, convocation=unlike)), "certificate.other_lock"
    )
    hidden = Convocation(locked, None)
    file.reject(
        "a lock without certificate", claim(replace(convoked, convocation=hidden)), "certificate.other_lock"
    )
    doubled = [[*written[0], written[0][0]], *written[1:]]
    file.reject("a voter twice", claim(good, doubled), "configuration.bad_field")
    one_key = [[[written[0][0][0], written[0][1][1]], *written[0][1:]], *written[1:]]
    file.reject("one key for two voters", claim(good, one_key), "configuration.bad_field")
    file.reject("all voters lie", claim(good, [written[0], 5, *written[2:]]), "configuration.bad_field")
    file.reject("no final", codec.encode([written, []]), "certificate.bad_field")
    return file.document()


def _add_recovered(file: VectorFile) -> None:
    """A block of two voters of whom one has lost its key (J20)."""
    two, recovery, device = voters(2), SigningKey(b"\x51" * 32), SigningKey(b"\x52" * 32)
    commitments = (b"\x53" * 32, commitment_of(recovery.public))
    group_of_two = replace(two, configuration=replace(two.configuration, recovery=commitments))
    header = header_of(group_of_two.configuration, body_hash=b"\x54" * 32)
    member_id = group_of_two.configuration.voters[1][0]
    new = replace(group_of_two, keys=(two.keys[0], device))

    def claim(height: int, by: SigningKey = recovery, attempt: int = 1) -> bytes:
        statement = sign_statement(
            by, header.group, member_id, device.public, b"\x55" * 32, height, header.group
        )

        def spoken(signature: bytes) -> bytes:
            return statement.encoded + signature

        convoked = new.convoked(header) if attempt else new.final(header)
        own, other = convoked.certificate.signatures
        certificate = replace(convoked.certificate, signatures=(own, spoken(other)))
        if convoked.convocation is None:
            return codec.encode([new.configuration.value, Final(header, certificate).value])
        first, second = convoked.convocation.closes
        closes = (first, replace(second, signature=spoken(second.signature)))
        final = Final(header, certificate, Convocation(closes, None))
        return codec.encode([new.configuration.value, final.value])

    file.accept("one of two, and the other's recovery key", claim(0))
    file.reject("a statement of a later block", claim(1), "certificate.bad_signature")
    file.reject("another recovery key", claim(0, SigningKey(b"\x56" * 32)), "certificate.bad_signature")
    file.reject("recovered in the first attempt", claim(0, attempt=0), "certificate.bad_signature")


def _double_votes() -> Document:
    file = VectorFile("double_vote", "[1, group, epoch, voting key, [vote, vote]]: votes that contradict.")
    key = _FOUR.keys[2].public
    for name, votes in (
        ("two blocks notarized in a view", (_FOUR.vote(2, _ONE, "N"), _FOUR.vote(2, _OTHER, "N"))),
        ("two blocks finalized in a view", (_FOUR.vote(2, _ONE, "F"), _FOUR.vote(2, _OTHER, "F"))),
        ("a view skipped and finalized", (_FOUR.vote(2, _ONE, "F", 3), _FOUR.vote(2, _ONE, "S", 3))),
    ):
        file.accept(name, encode_double_vote(DoubleVote(GROUP, 0, key, votes)))
    good = encode_double_vote(
        DoubleVote(GROUP, 0, key, (_FOUR.vote(2, _ONE, "N"), _FOUR.vote(2, _OTHER, "N")))
    )
    pair = codec.decode(good)[4]
    file.reject("another key", _replaced(good, 3, _FOUR.keys[1].public), "fault.bad_signature")
    file.reject("another epoch", _replaced(good, 2, 1), "fault.bad_signature")
    file.reject("votes in the other order", _replaced(good, 4, pair[::-1]), "fault.bad_field")
    file.reject("one vote twice", _replaced(good, 4, pair[:1] * 2), "fault.bad_field")
    file.reject("version 2", _replaced(good, 0, 2), "fault.bad_field")
    file.reject("small-order key", _replaced(good, 3, bytes(32)), "fault.bad_field")
    views = [pair[0], [*pair[1][:2], 1, *pair[1][3:]]]
    file.reject("two views", _replaced(good, 4, sorted(views)), "fault.no_contradiction")
    file.reject("three fields in a vote", _replaced(good, 4, [pair[0], pair[1][:3]]), "vote.bad_field")
    return file.document()


def _schisms() -> Document:
    file = VectorFile(
        "schism", "[1, configuration, final, final, [certificate...]]: two final blocks, one height."
    )
    same_view = Schism(_CONFIGURATION, (_FOUR.final(_ONE, 0, 1, 2), _FOUR.final(_OTHER, 1, 2, 3)))
    good = encode_schism(same_view)
    votes = [*_FOUR.votes(_ONE, 0, 1, 2), *_FOUR.votes(_ONE, 0, 1, 3, kind="S")]
    two_views = Schism(
        _CONFIGURATION,
        (_FOUR.final(_ONE, 0, 1, 2), _FOUR.final(_OTHER, 0, 1, 3, view=1)),
        certificates_in(_CONFIGURATION, votes),
    )
    file.accept("in one view", good)
    file.accept("in two views, with evidence", encode_schism(two_views))
    file.accept("in two views, without", encode_schism(replace(two_views, evidence=())))
    _, _, one, other, _ = codec.decode(good)
    file.reject("one block", _replaced(good, 3, one), "schism.no_schism")
    file.reject("in the other order", _replaced(_replaced(good, 2, other), 3, one), "schism.no_schism")
    higher = _FOUR.final(header_of(_CONFIGURATION, height=2)).value
    two_heights = [one, higher] if sha256(one[0]) < sha256(higher[0]) else [higher, one]
    file.reject(
        "two heights", _replaced(_replaced(good, 2, two_heights[0]), 3, two_heights[1]), "schism.no_schism"
    )
    few = [*other[:1], _FOUR.certificate(_OTHER, 2, 3).value, None]
    file.reject("one is not final", _replaced(good, 3, few), "certificate.no_quorum")
    high = replace(_FOUR.certificate(_ONE, kind="S"), height=2)
    file.reject("evidence of another height", _replaced(good, 4, [high.value]), "schism.bad_field")
    file.reject("version 2", _replaced(good, 0, 2), "schism.bad_field")
    return file.document()


def _proofs() -> Document:
    file = VectorFile(
        "proof", "[1, start, [[final, configuration or nil]...], outcome or nil, row or nil], without trust."
    )
    file.accept("a final block", encode_proof(decided_group.PLAIN))
    full = encode_proof(decided_group.FULL)
    file.accept("with an outcome and a row", full)
    absent = decided_group.row_proof(row_key("member", b"\x55" * 32))
    file.accept("without a row", encode_proof(replace(decided_group.PLAIN, row=absent)))
    anchored = encode_proof(decided_group.ANCHORED)
    file.reject("from a block", anchored, "proof.needs_trust")
    _, start, links, outcome, row = codec.decode(full)
    file.reject("the change left out", _replaced(full, 2, links[1:]), "certificate.other_configuration")
    file.reject("the change twice", _replaced(full, 2, [links[0], *links]), "proof.broken_chain")
    bare = [[links[0][0], None], links[1]]
    file.reject("without the configuration", _replaced(full, 2, bare), "proof.broken_chain")
    file.reject("no block", _replaced(full, 2, []), "proof.bad_field")
    rule = [*outcome[:3], "", *outcome[4:]]
    file.reject("another outcome", _replaced(full, 3, rule), "proof.other_outcome")
    file.reject("another row", _replaced(full, 4, [row[0], b"", row[2]]), "proof.other_root")
    file.reject("version 2", _replaced(full, 0, 2), "proof.bad_field")
    file.reject("another start", _replaced(full, 1, ["start", *start[1:]]), "proof.bad_field")
    unsigned = [*start[:2], bytes(64), start[3]]
    file.reject("an unsigned founding", _replaced(full, 1, unsigned), "entry.bad_signature")
    return file.document()


def _proofs_from_blocks() -> Document:
    file = VectorFile("proof_from_block", "[trusted block's id, proof].")
    anchored, full = encode_proof(decided_group.ANCHORED), encode_proof(decided_group.FULL)
    change = decided_group.CHANGE.id
    file.accept("it begins at the trusted block", codec.encode([change, anchored]))
    file.accept("it passes through the trusted block", codec.encode([change, full]))
    file.accept("it ends at the trusted block", codec.encode([decided_group.LAST.id, full]))
    file.accept("the group itself is trusted", codec.encode([decided_group.FOUNDING.group, full]))
    file.reject("it knows another block", codec.encode([b"\x01" * 32, full]), "proof.other_trust")
    file.reject("it begins elsewhere", codec.encode([b"\x01" * 32, anchored]), "proof.other_trust")
    first = decided_group.FIRST.configuration.value
    old = _replaced(anchored, 1, [*codec.decode(anchored)[1][:2], first])
    file.reject("with the old configuration", codec.encode([change, old]), "proof.broken_chain")
    return file.document()

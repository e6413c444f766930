"""A proof as a file: that something is final in a group, checked with nothing but the file.

It begins with the founding entry, or with a block that the reader trusts already, and follows the group
through every change of its configuration to one final block. Under that block's roots it may show the outcome
of one entry, and one row of the state or that there is none. What a founding entry says about the first
voters comes in as a function: governance stands beside this layer.

A proof shows that a block is final, never that it is the newest. Keys of voters who left long ago could make
another past; against that a reader names a block it trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from p2pnode.consensus.certificate import (
    Final,
    check_final,
    configuration_of_value,
    final_of_value,
)
from p2pnode.consensus.format import BlockHeader, Configuration, decode_header, encode_header
from p2pnode.consensus.merkle import PATH_MAX, audit_path, is_leaf_of
from p2pnode.consensus.rows import KEY_BYTES_MAX, VALUE_BYTES_MAX
from p2pnode.consensus.rules import FinalityClass
from p2pnode.consensus.trie import check_row, is_hash
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry, check_alone, read_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import is_rule_id
from p2pnode.core.limits import COUNTER_MAX

VERSION = 1
PROOF_BYTES_MAX = 16 * 1024 * 1024
"""A thousand changes of a council of 200 fit; so does the time it takes to verify them."""

_FROM_FOUNDING = "founding"
_FROM_BLOCK = "block"

FoundingConfiguration = Callable[[Entry], Configuration]
"""The configuration of the first block, out of the founding entry. Errors: FormatError founding.*."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block that the reader trusts, and the configuration of the height after it."""

    header: BlockHeader
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Link:
    """A final block on the way. Shapes: next_configuration is there exactly when the block changes it."""

    final: Final
    next_configuration: Configuration | None = None


@dataclass(frozen=True, slots=True)
class OutcomeProof:
    """What a block decided about one entry. Shapes: rule is empty for an entry that holds."""

    entry: Entry
    rule: str
    index: int
    count: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RowProof:
    """One row of the state after a block, or with value None that there is no such row."""

    key: bytes
    value: bytes | None
    proof: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything in a file. Shapes: links ascending by height; outcome and row belong to the last."""

    start: Entry | Anchor
    links: tuple[Link, ...]
    outcome: OutcomeProof | None = None
    row: RowProof | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows.

    Shapes: configuration is that of the height after the last block; weak lists the heights on the way that
    no ordinary quorum decided, with their classes; finality is the weakest class on the way.
    """

    group: bytes
    is_from_founding: bool
    header: BlockHeader
    configuration: Configuration
    finality: FinalityClass
    weak: tuple[tuple[int, FinalityClass], ...]
    outcome: OutcomeProof | None
    row: RowProof | None


def outcome_proof(outcomes: Sequence[tuple[bytes, str]], entry: Entry) -> OutcomeProof:
    """The proof of one entry's outcome, out of all outcomes of a block in order of execution.

    Errors: ValueError for an entry that the block did not execute.
    """
    ids = [entry_id for entry_id, _ in outcomes]
    index = ids.index(entry.id)
    leaves = [_outcome_leaf(entry_id, rule) for entry_id, rule in outcomes]
    return OutcomeProof(entry, outcomes[index][1], index, len(leaves), tuple(audit_path(leaves, index)))


def encode_proof(proof: Proof) -> bytes:
    """The file of a proof. Errors: those of `decode_proof`.

    Shapes: canonical [1, start, [[final, configuration or nil]...], outcome or nil, row or nil]; start is
    ["founding", header, signature, payload] or ["block", header, configuration]; outcome is [header,
    signature or nil, payload or nil, rule, index, count, [hash...]]; row is [key, value or nil, proof].
    """
    start, outcome, row = proof.start, proof.outcome, proof.row
    if isinstance(start, Entry):
        first = [_FROM_FOUNDING, start.header_bytes, start.signature, start.payload]
    else:
        first = [_FROM_BLOCK, encode_header(start.header), start.configuration.value]
    links = [
        [
            link.final.value,
            None if link.next_configuration is None else link.next_configuration.value,
        ]
        for link in proof.links
    ]
    shown = None
    if outcome is not None:
        entry = [outcome.entry.header_bytes, outcome.entry.signature, outcome.entry.payload]
        shown = [*entry, outcome.rule, outcome.index, outcome.count, list(outcome.path)]
    data = codec.encode([VERSION, first, links, shown, row and [row.key, row.value, row.proof]])
    decode_proof(data)
    return data


def decode_proof(data: bytes) -> Proof:
    """A proof of the right shape; nothing is verified here but the founding entry's own signature.

    Errors: FormatError proof.bad_field, proof.bad_entry, entry.*, block.bad_header, certificate.bad_field,
    configuration.bad_field, codec.*.
    """
    value = codec.decode(data, bytes_max=PROOF_BYTES_MAX)
    if type(value) is not list or len(value) != 5 or type(value[0]) is not int or value[0] != VERSION:
        raise FormatError("proof.bad_field", f"not an array of 5 fields, version {VERSION}")
    _, start, links, outcome, row = value
    if type(links) is not list or not links:
        raise FormatError("proof.bad_field", "at least one final block")
    return Proof(
        _start_of(start),
        tuple(_link_of(link) for link in links),
        None if outcome is None else _outcome_of(outcome),
        None if row is None else _row_of(row),
    )


def verify_proof(
    data: bytes, founding_configuration: FoundingConfiguration, trusted: bytes | None = None
) -> Proven:
    """What a file proves.

    Shapes: trusted is the id of a block, or the group's id; the proof then has to pass through it. Errors:
    FormatError proof.needs_trust, proof.other_trust, proof.broken_chain, proof.other_outcome,
    proof.other_root, proof.bad_row, certificate.*, founding.*, and those of `decode_proof`.
    """
    proof = decode_proof(data)
    start = proof.start
    passed = [link.final.header.id for link in proof.links]
    if isinstance(start, Anchor):
        group, configuration = start.header.group, start.configuration
        passed.append(start.header.id)
        if trusted is None:
            raise FormatError("proof.needs_trust", "it begins at a block: name the id that you trust")
        if start.header.next_config_hash != configuration.hash:
            raise FormatError("proof.broken_chain", "the configuration is not the one that the block names")
    else:
        group, configuration = start.group, founding_configuration(start)
        passed.append(group)
    if trusted is not None and trusted not in passed:
        raise FormatError("proof.other_trust", "it does not pass through the block that you trust")
    _check_order(proof, group)
    weak: list[tuple[int, FinalityClass]] = []
    for link in proof.links:
        finality = check_final(link.final, configuration)
        if finality != "ordinary":
            weak.append((link.final.header.height, finality))
        configuration = _configuration_after(link, configuration)
    last = proof.links[-1].final.header
    _check_shown(proof, last)
    return Proven(
        group,
        isinstance(start, Entry),
        last,
        configuration,
        "convoked" if weak else "ordinary",
        tuple(weak),
        proof.outcome,
        proof.row,
    )


def _check_order(proof: Proof, group: bytes) -> None:
    """Check that all blocks are the group's, one above the other."""
    headers = [link.final.header for link in proof.links]
    if any(header.group != group for header in headers):
        raise FormatError("proof.broken_chain", "a block of another group")
    if isinstance(proof.start, Anchor):
        headers.insert(0, proof.start.header)
    elif headers[0].height == 1 and headers[0].previous != group:
        raise FormatError("proof.broken_chain", "the first block does not follow the founding")
    for below, above in pairwise(headers):
        if above.height <= below.height or above.time_ms <= below.time_ms:
            raise FormatError("proof.broken_chain", "blocks not in ascending order")
        if above.height == below.height + 1 and above.previous != below.id:
            raise FormatError("proof.broken_chain", "a block does not follow the one below it")


def _configuration_after(link: Link, configuration: Configuration) -> Configuration:
    header, following = link.final.header, link.next_configuration
    if (following is None) != (header.next_config_hash == header.config_hash):
        raise FormatError("proof.broken_chain", "a configuration goes with each block that changes it")
    if following is None:
        return configuration
    if header.next_config_hash != following.hash:
        raise FormatError("proof.broken_chain", "the next configuration is not the one that the block names")
    return following


def _check_shown(proof: Proof, header: BlockHeader) -> None:
    """Check the outcome and the row under the last block's roots."""
    outcome, row = proof.outcome, proof.row
    if outcome is not None:
        leaf = _outcome_leaf(outcome.entry.id, outcome.rule)
        if outcome.entry.group != header.group:
            raise FormatError("proof.other_outcome", "an entry of another group")
        if not is_leaf_of(header.ops_root, leaf, outcome.index, outcome.count, outcome.path):
            raise FormatError("proof.other_outcome", "the block decided nothing of the kind")
    if row is not None:
        check_row(header.state_root, row.key, row.value, row.proof)


def _outcome_leaf(entry_id: bytes, rule: str) -> bytes:
    return codec.encode([entry_id, rule])


def _start_of(value: Value) -> Entry | Anchor:
    if type(value) is not list or not value or type(value[0]) is not str:
        raise FormatError("proof.bad_field", "start")
    if value[0] == _FROM_BLOCK and len(value) == 3 and type(value[1]) is bytes:
        return Anchor(decode_header(value[1]), configuration_of_value(value[2]))
    if value[0] != _FROM_FOUNDING or [type(item) for item in value[1:]] != [bytes, bytes, bytes]:
        raise FormatError("proof.bad_field", "start: a founding entry, or a block with a configuration")
    return check_alone(value[1], value[2], value[3])


def _link_of(value: Value) -> Link:
    if type(value) is not list or len(value) != 2:
        raise FormatError("proof.bad_field", "a final block, and a configuration or nil")
    following = None if value[1] is None else configuration_of_value(value[1])
    return Link(final_of_value(value[0]), following)


def _outcome_of(value: Value) -> OutcomeProof:
    if type(value) is not list or len(value) != 7:
        raise FormatError("proof.bad_field", "outcome: not an array of 7 fields")
    header, signature, payload, rule, index, count, path = value
    if type(header) is not bytes or not all(type(item) in (bytes, type(None)) for item in value[1:3]):
        raise FormatError("proof.bad_field", "outcome: entry")
    if type(rule) is not str or (rule and not is_rule_id(rule)):
        raise FormatError("proof.bad_field", "outcome: rule")
    if not all(type(number) is int and 0 <= number <= COUNTER_MAX for number in (index, count)):
        raise FormatError("proof.bad_field", "outcome: index or count")
    if type(path) is not list or len(path) > PATH_MAX or not all(is_hash(item) for item in path):
        raise FormatError("proof.bad_field", f"outcome: at most {PATH_MAX} hashes")
    # The block decided this very header; a signature is not needed, but a wrong one is not passed on.
    if signature is None:
        entry = read_entry(header, None, payload)
    else:
        entry = check_alone(header, signature, payload)
    return OutcomeProof(entry, rule, index, count, tuple(path))


def _row_of(value: Value) -> RowProof:
    if (
        type(value) is not list
        or len(value) != 3
        or type(value[0]) is not bytes
        or type(value[2]) is not bytes
    ):
        raise FormatError("proof.bad_field", "row: key, value or nil, proof")
    key, row_value, proof = value
    if not 0 < len(key) <= KEY_BYTES_MAX or type(row_value) not in (bytes, type(None)):
        raise FormatError("proof.bad_field", "row: key or value")
    if row_value is not None and len(row_value) > VALUE_BYTES_MAX:
        raise FormatError("proof.bad_field", f"row: at most {VALUE_BYTES_MAX} bytes")
    return RowProof(key, row_value, proof)

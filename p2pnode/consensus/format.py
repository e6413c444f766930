"""The written forms of agreement: configurations, block headers and bodies, votes, proposals, certificates.

Shapes and bounds only (J8). Who may vote, what justifies a proposal and when a block is final are rules, not
formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal, NamedTuple

from p2pnode.consensus.merkle import merkle_root
from p2pnode.consensus.recovered import is_recovered, is_said, is_signature
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import (
    HASH_BYTES,
    SigningKey,
    is_acceptable_key,
    is_signed,
    sha256,
    tagged_hash,
)
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import COUNTER_MAX, FRAME_BYTES_MAX, MEMBERS_MAX, PAYLOAD_BYTES_MAX, SEQ_MAX

VOTE_TYPE = "block.vote"
PROPOSAL_TYPE = "block.propose"
CERTIFICATE_TYPE = "block.certificate"
HEADER_VERSION = 1
BODY_BYTES_MAX = FRAME_BYTES_MAX
VOTES_PER_ENTRY_MAX = 64
CUT_LANES_MAX = 16_384
SEALS_MAX = 64
_VOTE_DOMAIN = "p2pnode/vote/1"
_HEADER_FIELDS = 13

Kind = Literal["N", "S", "F"]
"""Notarize, skip, finalize."""


class CutEntry(NamedTuple):
    """How far a block accepts one lane."""

    key: bytes
    lane: int
    seq: int
    id: bytes


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who votes and how many may lie.

    Shapes: voters are (member id, voting key), ascending by member id; recovery are the commitments to their
    recovery keys in the same order, or nothing where nobody can be recovered (J20).
    """

    voters: tuple[tuple[bytes, bytes], ...]
    lying_voters: int
    charter_hash: bytes
    epoch: int
    recovery: tuple[bytes, ...] = ()

    @property
    def hash(self) -> bytes:
        """The name of the configuration in block headers and epoch keys."""
        return tagged_hash("configuration", codec.encode(self.value))

    @property
    def value(self) -> Value:
        """The array in proofs."""
        voters = [list(voter) for voter in self.voters]
        return [voters, self.lying_voters, self.charter_hash, self.epoch, list(self.recovery)]

    @property
    def quorum(self) -> int:
        """How many votes decide: any two quorums share an honest voter."""
        return (len(self.voters) + self.lying_voters) // 2 + 1

    def is_said(self, signer: int, group: bytes, height: int, message: bytes, signature: bytes) -> bool:
        """Whether a voter signed a message. Shapes: signer is an index into the voters."""
        commitment = self.recovery[signer] if self.recovery else b""
        return is_said(self.voters[signer], commitment, group, height, message, signature)


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What is voted on; its id does not depend on the view. Units: time_ms is wall time."""

    version: int
    group: bytes
    epoch: int
    height: int
    previous: bytes
    time_ms: int
    cut_root: bytes
    ops_root: bytes
    state_root: bytes
    config_hash: bytes
    next_config_hash: bytes
    parent_certificate_hash: bytes
    body_hash: bytes

    @property
    def id(self) -> bytes:
        """SHA-256 of the canonical bytes."""
        return sha256(encode_header(self))


@dataclass(frozen=True, slots=True)
class Vote:
    """One voter's word. Shapes: block is empty for a skip."""

    height: int
    attempt: int
    view: int
    kind: Kind
    block: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block put to the vote.

    Shapes: justifying_view is -1 for a fresh block; header is empty when a known block is proposed again;
    votes are ids of the entries that justify it (J2).
    """

    height: int
    attempt: int
    view: int
    justifying_view: int
    block: bytes
    header: bytes
    votes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's signatures under one vote.

    Shapes: signers are ascending indices into the configuration's voters.
    """

    height: int
    attempt: int
    view: int
    kind: Kind
    block: bytes
    signers: tuple[int, ...]
    signatures: tuple[bytes, ...]

    @property
    def value(self) -> Value:
        """The array in block bodies and proofs."""
        subject = [self.height, self.attempt, self.view, self.kind, self.block]
        return [*subject, list(self.signers), list(self.signatures)]

    @property
    def hash(self) -> bytes:
        """What the next header says of it."""
        return tagged_hash("certificate", codec.encode(self.value))


@dataclass(frozen=True, slots=True)
class Body:
    """What a header names by hash.

    Shapes: cut ascending by (key, lane); seals are fork proofs; parent is None at height 1.
    """

    cut: tuple[CutEntry, ...]
    seals: tuple[bytes, ...]
    parent: Certificate | None


def cut_root(cut: Sequence[CutEntry]) -> bytes:
    """The root over a whole cut, in ascending order of (key, lane)."""
    return merkle_root([codec.encode(list(entry)) for entry in sorted(cut)])


def ops_root(outcomes: Sequence[tuple[bytes, str]]) -> bytes:
    """The root over (entry id, void rule or "") in order of execution, so that one outcome can be proven."""
    return merkle_root([ops_leaf(*outcome) for outcome in outcomes])


def ops_leaf(entry_id: bytes, rule: str) -> bytes:
    """What stands for one outcome under the ops root."""
    return codec.encode([entry_id, rule])


def encode_header(header: BlockHeader) -> bytes:
    """The canonical bytes of a block header."""
    return codec.encode(list(astuple(header)))


def decode_header(data: bytes) -> BlockHeader:
    """The block header in some bytes. Errors: FormatError block.bad_header, codec.*."""
    value = codec.decode(data, bytes_max=PAYLOAD_BYTES_MAX)
    rule = "block.bad_header"
    _check_array(value, _HEADER_FIELDS, rule)
    version, group, epoch, height, previous, time_ms, *hashes = value
    if version != HEADER_VERSION or any(not _is_hash(item) for item in (group, previous, *hashes)):
        raise FormatError(rule, "version, or a hash that has not 32 bytes")
    if not all(_is_uint(number) for number in (version, epoch, height, time_ms)) or height < 1:
        raise FormatError(rule, "epoch, height or time")
    return BlockHeader(version, group, epoch, height, previous, time_ms, *hashes)


def vote_message(group: bytes, epoch: int, vote: Vote) -> bytes:
    """What a vote's signature covers."""
    return codec.encode(
        [_VOTE_DOMAIN, group, epoch, vote.height, vote.attempt, vote.view, vote.kind, vote.block]
    )


def sign_vote(key: SigningKey, group: bytes, epoch: int, vote: Vote) -> bytes:
    """A voter's signature; the vote's own signature field is not read."""
    return key.sign(vote_message(group, epoch, vote))


def is_vote_signed(key: bytes, group: bytes, epoch: int, vote: Vote) -> bool:
    """Whether a vote is signed by a voting key."""
    return is_signed(key, vote_message(group, epoch, vote), vote.signature)


def is_vote_said(configuration: Configuration, signer: int, group: bytes, epoch: int, vote: Vote) -> bool:
    """Whether a vote is that of a voter: signed by its voting key, or, in the second attempt, for a lost one.

    Shapes: signer is an index into the voters.
    """
    if is_recovered(vote.signature) and vote.attempt == 0:
        return False
    return configuration.is_said(signer, group, vote.height, vote_message(group, epoch, vote), vote.signature)


def encode_votes(votes: Sequence[Vote]) -> bytes:
    """The payload of a `block.vote` entry. Errors: FormatError vote.bad_field."""
    payload = codec.encode([list(astuple(vote)) for vote in votes])
    decode_votes(payload)
    return payload


def decode_votes(payload: bytes) -> tuple[Vote, ...]:
    """The votes in a payload; signatures are not verified here.

    Errors: FormatError vote.bad_field, codec.*.
    """
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    if type(value) is not list or not 1 <= len(value) <= VOTES_PER_ENTRY_MAX:
        raise FormatError("vote.bad_field", f"1 to {VOTES_PER_ENTRY_MAX} votes")
    votes = []
    for item in value:
        _check_array(item, 6, "vote.bad_field")
        _check_subject(item[:5], "vote.bad_field")
        if not is_signature(item[5]):
            raise FormatError("vote.bad_field", "signature: neither 64 bytes nor those of a recovery")
        votes.append(Vote(*item))
    return tuple(votes)


def encode_proposal(proposal: Proposal) -> bytes:
    """The payload of a `block.propose` entry. Errors: FormatError proposal.*."""
    payload = codec.encode([*astuple(proposal)[:6], list(proposal.votes)])
    decode_proposal(payload)
    return payload


def decode_proposal(payload: bytes) -> Proposal:
    """The proposal in a payload.

    Errors: FormatError proposal.bad_field, proposal.other_header, block.bad_header, codec.*.
    """
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    rule = "proposal.bad_field"
    _check_array(value, 7, rule)
    height, attempt, view, justifying_view, block, header, votes = value
    if not all(_is_uint(number) for number in (height, attempt, view)) or height < 1:
        raise FormatError(rule, "height, attempt or view")
    if type(justifying_view) is not int or not -1 <= justifying_view < view:
        raise FormatError(rule, "the justifying view is -1 or an earlier view")
    if not _is_hash(block) or type(header) is not bytes or type(votes) is not list:
        raise FormatError(rule, "block, header or votes")
    if len(votes) > MEMBERS_MAX or not all(_is_hash(vote) for vote in votes):
        raise FormatError(rule, f"votes: not at most {MEMBERS_MAX} entry ids")
    if header and (sha256(header) != block or decode_header(header).height != height):
        raise FormatError("proposal.other_header", "the header is another block's")
    return Proposal(height, attempt, view, justifying_view, block, header, tuple(votes))


def body_named(payload: bytes) -> bytes | None:
    """The hash of the body under a proposal's header; None where it has no header or cannot be read."""
    try:
        header = decode_proposal(payload).header
        return decode_header(header).body_hash if header else None
    except FormatError:
        return None


def certificate_of_value(value: Value) -> Certificate:
    """The certificate in a decoded value; nothing is verified here.

    Errors: FormatError certificate.bad_field.
    """
    rule = "certificate.bad_field"
    _check_array(value, 7, rule)
    _check_subject(value[:5], rule)
    signers, signatures = value[5:]
    if type(signers) is not list or type(signatures) is not list or len(signers) != len(signatures):
        raise FormatError(rule, "one signature for each signer")
    if not signers or len(signers) > MEMBERS_MAX or not all(_is_uint(signer) for signer in signers):
        raise FormatError(rule, "signers")
    if sorted(set(signers)) != signers or not all(is_signature(item) for item in signatures):
        raise FormatError(rule, "signers ascending, signatures of 64 bytes or those of a recovery")
    height, attempt, view, kind, block = value[:5]
    return Certificate(height, attempt, view, kind, block, tuple(signers), tuple(signatures))


def encode_certificate(certificate: Certificate) -> bytes:
    """The payload of a `block.certificate` entry. Errors: FormatError certificate.bad_field."""
    payload = codec.encode(certificate.value)
    decode_certificate(payload)
    return payload


def decode_certificate(payload: bytes) -> Certificate:
    """The certificate in a payload; nothing is verified here.

    Errors: FormatError certificate.bad_field, codec.*.
    """
    return certificate_of_value(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX))


def encode_body(body: Body) -> bytes:
    """The blob that a header names. Errors: FormatError body.*, certificate.*."""
    parent = None if body.parent is None else body.parent.value
    data = codec.encode([[list(entry) for entry in body.cut], list(body.seals), parent])
    decode_body(data)
    return data


def decode_body(data: bytes) -> Body:
    """The body in a blob.

    Errors: FormatError body.bad_cut, body.bad_field, certificate.bad_field, codec.*.
    """
    value = codec.decode(data, bytes_max=BODY_BYTES_MAX, items_max=CUT_LANES_MAX)
    _check_array(value, 3, "body.bad_field")
    cut, seals, parent = value
    if type(cut) is not list or not all(_is_cut_entry(item) for item in cut):
        raise FormatError("body.bad_cut", "[key, lane, seq, id] each, of lanes 0 and 2")
    places = [(item[0], item[1]) for item in cut]
    if sorted(set(places)) != places:
        raise FormatError("body.bad_cut", "not in ascending order of distinct lanes")
    if type(seals) is not list or len(seals) > SEALS_MAX or any(type(proof) is not bytes for proof in seals):
        raise FormatError("body.bad_field", f"seals: not at most {SEALS_MAX} fork proofs")
    return Body(
        tuple(CutEntry(*item) for item in cut),
        tuple(seals),
        None if parent is None else certificate_of_value(parent),
    )


def _check_array(value: Value, fields: int, rule: str) -> None:
    if type(value) is not list or len(value) != fields:
        raise FormatError(rule, f"not an array of {fields} fields")


def _check_subject(value: Sequence[Value], rule: str) -> None:
    """Check height, attempt, view, kind and block."""
    height, attempt, view, kind, block = value
    if not all(_is_uint(number) for number in (height, attempt, view)) or height < 1:
        raise FormatError(rule, "height, attempt or view")
    if type(kind) is not str or kind not in ("N", "S", "F"):
        raise FormatError(rule, "kind: not N, S or F")
    if type(block) is not bytes or len(block) != (0 if kind == "S" else HASH_BYTES):
        raise FormatError(rule, "block: 32 bytes, or none for a skip")


def _is_cut_entry(value: Value) -> bool:
    return (
        type(value) is list
        and len(value) == 4
        and type(value[0]) is bytes
        and is_acceptable_key(value[0])
        and type(value[1]) is int
        and value[1] in (0, 2)
        and _is_uint(value[2], SEQ_MAX)
        and _is_hash(value[3])
    )


def _is_uint(value: object, most: int = COUNTER_MAX) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES

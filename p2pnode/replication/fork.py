"""The fork proof: two authentic branches of one lane, which convinces anybody that its key signed both.

Each branch holds the headers from the first difference to the nearest valid signature; the entries
between are authentic through that signature. Payloads are not needed. Not here: what a fork leads to (the
group's rules), nor how the branches are found (`hunt`).

Source: J5, J17.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple

import msgspec

from p2pnode.core.crypto import SIGNATURE_BYTES, ZERO_HASH, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, Header, decode_header
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import AUTHENTIC_STEPS_MAX, FRAME_BYTES_MAX, HEADER_BYTES_MAX

_Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
_HeaderBytes = Annotated[bytes, msgspec.Meta(max_length=HEADER_BYTES_MAX)]
_Headers = Annotated[list[_HeaderBytes], msgspec.Meta(min_length=1, max_length=AUTHENTIC_STEPS_MAX)]


class Branch(NamedTuple):
    """One side of a fork: consecutive headers from the first difference, and the signature of the last."""

    headers: tuple[bytes, ...]
    signature: bytes


class ForkProof(NamedTuple):
    """A checked proof: the place of the first difference, and both branches in order of their first ids."""

    group: bytes
    author: bytes
    lane: int
    seq: int
    branches: tuple[Branch, Branch]


class _Wire(msgspec.Struct, array_like=True, tag=1, frozen=True, forbid_unknown_fields=True):
    """The proof on the wire; its place is in the headers."""

    first: _Headers
    first_signature: _Signature
    second: _Headers
    second_signature: _Signature


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


def encode_fork_proof(left: Branch, right: Branch) -> bytes:
    """The bytes of a proof; the branches may come in either order. Errors: ValueError for an empty branch."""
    if not left.headers or not right.headers:
        raise ValueError("a branch holds at least one header")
    first, second = sorted((left, right), key=_first_id)
    return _encode(_Wire(list(first.headers), first.signature, list(second.headers), second.signature))


def check_fork_proof(proof: bytes) -> ForkProof:
    """The proof in some received bytes, verified completely.

    Errors: FormatError fork.too_large, fork.bad_format, fork.bad_branch, fork.bad_place, fork.same_branch,
    fork.bad_order, fork.bad_signature and entry.*.
    """
    if len(proof) > FRAME_BYTES_MAX:
        raise FormatError("fork.too_large", f"at most {FRAME_BYTES_MAX} bytes")
    try:
        wire = _decode(proof)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError("fork.bad_format", str(error)) from error
    if _encode(wire) != proof:
        raise FormatError("fork.bad_format", "not in the shortest form")
    branches = (
        Branch(tuple(wire.first), wire.first_signature),
        Branch(tuple(wire.second), wire.second_signature),
    )
    first, second = (_check_chain(branch.headers) for branch in branches)
    if _place(first) != _place(second) or first.group == ZERO_HASH:
        raise FormatError("fork.bad_place", "the branches do not start in one place of one lane")
    ids = [_first_id(branch) for branch in branches]
    if ids[0] == ids[1]:
        raise FormatError("fork.same_branch", "the two branches are one")
    if ids[0] > ids[1]:
        raise FormatError("fork.bad_order", "the branches are not in ascending order")
    for branch in branches:
        if not is_signed(first.author, ENTRY_TAG + branch.headers[-1], branch.signature):
            raise FormatError("fork.bad_signature", "the signature of a branch does not verify")
    return ForkProof(first.group, first.author, first.lane, first.seq, branches)


def branch_headers(proof: ForkProof) -> dict[bytes, Header]:
    """The headers of both branches by their ids."""
    return {sha256(data): decode_header(data) for branch in proof.branches for data in branch.headers}


def _first_id(branch: Branch) -> bytes:
    return sha256(branch.headers[0])


def _place(header: Header) -> tuple[bytes, bytes, int, int, bytes]:
    """Equal for two headers that differ here for the first time: what came before them is the same."""
    return (header.group, header.author, header.lane, header.seq, header.prev)


def _check_chain(headers: Sequence[bytes]) -> Header:
    """The first header of a branch, after checking that each one continues the one before it."""
    first = previous = decode_header(headers[0])
    for before, after in pairwise(headers):
        header = decode_header(after)
        place = (previous.group, previous.author, previous.lane, previous.seq + 1, sha256(before))
        if (header.group, header.author, header.lane, header.seq, header.prev) != place:
            raise FormatError("fork.bad_branch", "a header that does not continue the one before it")
        previous = header
    return first

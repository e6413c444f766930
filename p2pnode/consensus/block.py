"""Blocks on top of a chain: where the next one stands, how it is made, and what makes one wrong by itself.

Whether a block's entries are here and what running them gives is judged where entries can be read
(`p2pnode/chain.py`); who may vote for it are the rules of voting.

Source: C 5.1 and 5.4, J8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2pnode.consensus.format import (
    HEADER_VERSION,
    BlockHeader,
    Body,
    Certificate,
    Configuration,
    CutEntry,
    cut_root,
    encode_body,
)
from p2pnode.core.crypto import ZERO_HASH, sha256

AHEAD_MS_MAX = 120_000
"""A block from further in the future waits until its time has come; it is never refused for it."""

LaneKey = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Tip:
    """The last final block, and what the next one has to fit.

    Shapes: before the first block the height is 0, the id is the group's and there is no certificate; `cut`
    maps (author, lane) to (seq, id); `configuration` is that of the next height. Units: time_ms is the
    block's.
    """

    group: bytes
    height: int
    id: bytes
    time_ms: int
    certificate: Certificate | None
    configuration: Configuration
    cut: Mapping[LaneKey, tuple[int, bytes]]
    state_root: bytes


@dataclass(frozen=True, slots=True)
class Roots:
    """What running a block gives: roots over outcomes and state, and the configuration that follows."""

    ops_root: bytes
    state_root: bytes
    next_config_hash: bytes


def cut_after(tip: Tip, moved: Sequence[CutEntry]) -> dict[LaneKey, tuple[int, bytes]]:
    """The whole cut once a block has moved some lanes."""
    return {**tip.cut, **{(entry.key, entry.lane): (entry.seq, entry.id) for entry in moved}}


def next_block(
    tip: Tip, moved: Sequence[CutEntry], seals: Sequence[bytes], roots: Roots, now_ms: int
) -> tuple[BlockHeader, bytes]:
    """The header and the encoded body of a block on top of the tip."""
    body = encode_body(Body(tuple(sorted(moved)), tuple(seals), tip.certificate))
    header = BlockHeader(
        HEADER_VERSION,
        tip.group,
        tip.configuration.epoch,
        tip.height + 1,
        tip.id,
        time_after(tip, now_ms),
        _root_of_cut(cut_after(tip, moved)),
        roots.ops_root,
        roots.state_root,
        tip.configuration.hash,
        roots.next_config_hash,
        _certificate_hash(tip.certificate),
        sha256(body),
    )
    return header, body


def time_after(tip: Tip, now_ms: int) -> int:
    """The time of a block made now: later than the one before."""
    return max(now_ms, tip.time_ms + 1)


def header_fault(header: BlockHeader, tip: Tip) -> str | None:
    """The rule by which a header does not continue the tip, or None."""
    rules = (
        ("block.other_group", header.group != tip.group),
        ("block.other_height", header.height != tip.height + 1),
        ("block.other_parent", header.previous != tip.id),
        ("block.other_epoch", header.epoch != tip.configuration.epoch),
        ("block.other_configuration", header.config_hash != tip.configuration.hash),
        ("block.time", header.time_ms <= tip.time_ms),
    )
    return next((rule for rule, breaks in rules if breaks), None)


def body_fault(header: BlockHeader, body: Body, tip: Tip) -> str | None:
    """The rule by which a body does not belong under its header and on top of the tip, or None.

    Shapes: the parent's certificate is compared by hash with the header's; its signatures are not checked
    here. The body's own hash was compared when it was decoded.
    """
    if header.parent_certificate_hash != _certificate_hash(body.parent):
        return "block.parent_certificate"
    if (body.parent is None) != (tip.height == 0):
        return "block.parent_certificate"
    for entry in body.cut:
        before = tip.cut.get((entry.key, entry.lane))
        if before is not None and entry.seq <= before[0]:
            return "block.cut_regress"
    if header.cut_root != _root_of_cut(cut_after(tip, body.cut)):
        return "block.cut_root"
    return None


def roots_fault(header: BlockHeader, roots: Roots) -> str | None:
    """The rule by which running a block gives something else than its header says, or None."""
    rules = (
        ("block.ops_root", header.ops_root != roots.ops_root),
        ("block.state_root", header.state_root != roots.state_root),
        ("block.next_configuration", header.next_config_hash != roots.next_config_hash),
    )
    return next((rule for rule, breaks in rules if breaks), None)


def _certificate_hash(certificate: Certificate | None) -> bytes:
    return ZERO_HASH if certificate is None else certificate.hash


def _root_of_cut(cut: Mapping[LaneKey, tuple[int, bytes]]) -> bytes:
    return cut_root([CutEntry(key, lane, seq, id_) for (key, lane), (seq, id_) in cut.items()])

"""Checking everything that is stored of a group again: every hash, chain and signature. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from p2pnode.core.crypto import ZERO_HASH, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, Header, check_payload, decode_header
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import AUTHENTIC_STEPS_MAX
from p2pnode.local.shapes import Damage
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import StoredEntry
from p2pnode.store.group_file import GroupQueries

_SLICE_ENTRIES = 1000
_REFETCH = "stop the node, move this group's file away and start again: the group is fetched from its peers"


@dataclass(slots=True)
class Findings:
    """What a check of one group looked at and found."""

    entries: int = 0
    signatures: int = 0
    payload_bytes: int = 0
    damage: list[Damage] = field(default_factory=list)


def verify_group(
    queries: GroupQueries, group: bytes, told: Callable[[int, int], None], is_stopped: Callable[[], bool]
) -> Findings:
    """Check a group; `told` hears of done and all entries from time to time."""
    findings = Findings()
    lanes = queries.lanes()
    total = sum(lane.seq + 1 for lane in lanes)
    for lane in lanes:
        _verify_lane(queries, group, lane, findings, lambda: told(findings.entries, total), is_stopped)
    return findings


def _verify_lane(
    queries: GroupQueries,
    group: bytes,
    lane: LaneState,
    findings: Findings,
    told: Callable[[], None],
    is_stopped: Callable[[], bool],
) -> None:
    seq = vouched_from = lane.pruned + 1
    prev = _id_before(queries, lane, seq)
    while seq <= lane.seq and not is_stopped():
        # Not beyond the end that was read: entries arrive while a lane is checked.
        entries = queries.entries(lane.number, seq, min(seq + _SLICE_ENTRIES - 1, lane.seq))
        if not entries:
            break
        for stored in entries:
            rule = _fault(stored, group, lane, seq, prev)
            if rule is not None:
                _report(findings, group, lane, seq, rule)
            prev = sha256(stored.header)
            if _is_signed(lane, stored):
                findings.signatures += 1
                vouched_from = seq + 1
            elif seq - vouched_from >= AUTHENTIC_STEPS_MAX:
                _report(findings, group, lane, seq, "entry.bad_signature")
                vouched_from = seq + 1
            findings.entries += 1
            findings.payload_bytes += len(stored.payload or b"")
            seq += 1
        told()
    if seq <= lane.seq and not is_stopped():
        _report(findings, group, lane, seq, "store.missing_entries")
    elif prev != lane.id:
        _report(findings, group, lane, lane.seq, "store.other_tip")
    if vouched_from <= lane.seq and not is_stopped():
        _report(findings, group, lane, vouched_from, "entry.bad_signature")


def _id_before(queries: GroupQueries, lane: LaneState, seq: int) -> bytes:
    """What the first entry that is kept continues: of a pruned lane, what it names itself (J18)."""
    if seq == 0:
        return ZERO_HASH
    first = queries.entries(lane.number, seq, seq)
    return decode_header(first[0].header).prev if first else lane.id


def _fault(stored: StoredEntry, group: bytes, lane: LaneState, seq: int, prev: bytes) -> str | None:
    try:
        header: Header = decode_header(stored.header)
        if stored.payload is not None:
            check_payload(header, stored.payload)
    except FormatError as error:
        return error.rule
    if (header.group, header.author, header.lane, header.seq) != (group, lane.author, lane.lane, seq):
        return "store.wrong_place"
    return None if header.prev == prev else "entry.bad_chain"


def _is_signed(lane: LaneState, stored: StoredEntry) -> bool:
    return stored.signature is not None and is_signed(
        lane.author, ENTRY_TAG + stored.header, stored.signature
    )


def _report(findings: Findings, group: bytes, lane: LaneState, seq: int, rule: str) -> None:
    place = f"author {lane.author.hex()[:8]}, lane {lane.lane}, entry {seq}"
    findings.damage.append(
        Damage(group=group.hex(), place=place, rule=rule, message=f"{rule} at {place}", remedy=_REFETCH)
    )

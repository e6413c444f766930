"""Why a share is what it is: bucket by bucket, down to the signed entries."""

from __future__ import annotations

from collections.abc import Iterator

from p2pnode.core.amount import Amount, add, amount_text, times
from p2pnode.economy import metering, tables
from p2pnode.economy.distributing import BucketResult, Given, Share, weight_of
from p2pnode.economy.journal import CONSUMED, CONTRIBUTED, GIVEN, RECEIVED, Line
from p2pnode.economy.labels import measure_text
from p2pnode.economy.measure import Measure
from p2pnode.economy.sharing import Run, again, run_row
from p2pnode.governance.distribution_rule import (
    CAPPED,
    CONSUMPTION,
    CONTRIBUTIONS,
    EQUAL,
    FUND,
    WHOLE,
    Bucket,
)
from p2pnode.service.economy_names import agent_name
from p2pnode.service.sharing import share_text, status_of
from p2pnode.service.viewing import GroupView


def run_lines(view: GroupView, run_id: bytes) -> list[str]:
    """What a run rests on and what it gives; nothing for what is no run."""
    row = run_row(view.rows, run_id)
    if row is None:
        return []
    run = again(view.rows, row)
    agrees = "this node comes to the same" if run.hash == row.result else "THIS NODE COMES TO SOMETHING ELSE"
    found = [f"{status_of(view, run_id, row)}; {agrees}", *_flow_lines(view, run)]
    for bucket, rule in zip(run.result.buckets, run.rule.buckets, strict=True):
        found.append(_bucket_line(run, bucket, rule))
        # Who brought outside money need not be a member, for whom each share is explained.
        if bucket.kind == CAPPED:
            found += [_share_line(view, run, bucket, share) for share in bucket.shares]
    found.append(f"{share_text(run, run.result.rest)} stay with the group: no bucket takes them")
    start = run_id.hex()[:8]
    return [*found, f"each share down to the entries behind it: p2pnode why {start}/MEMBER"]


def share_lines(view: GroupView, run_id: bytes, who: bytes) -> list[str]:
    """How somebody's share came about, down to the signed entries."""
    row = run_row(view.rows, run_id)
    assert row is not None
    run = again(view.rows, row)
    found = _flow_lines(view, run)
    for bucket, rule in zip(run.result.buckets, run.rule.buckets, strict=True):
        mine = [share for share in bucket.shares if share.who == who]
        found.append(_bucket_line(run, bucket, rule))
        for share in mine:
            found.append(_share_line(view, run, bucket, share))
            found += _entry_lines(view, run, bucket, rule, who)
        if not mine and bucket.kind != FUND:
            found.append(f"  {view.name(who)} has no part in it")
    owed = dict(run.result.owed).get(who, 0)
    return [*found, f"together {share_text(run, owed)}"]


def _flow_lines(view: GroupView, run: Run) -> list[str]:
    lines = [line for line in run.inputs if line.what in (RECEIVED, GIVEN)]
    flow = measure_text(Measure(run.basis.flow, run.rule.unit))
    found = [f"the rule {run.name} shares {flow}: what blocks {run.after + 1} to {run.last} brought"]
    for line in lines:
        word = "from" if line.what == RECEIVED else "given to"
        sign = "" if line.what == RECEIVED else "less "
        read = _read_by(view, line)
        found.append(f"  {_record(line)}: {sign}{_measure(line)} {word} {agent_name(view, line.who)}{read}")
    return found


def _bucket_line(run: Run, bucket: BucketResult, rule: Bucket) -> str:
    """How much a bucket took."""
    base = "the whole" if rule.of == WHOLE else "what remained"
    if rule.permille is not None:
        part = amount_text((rule.permille, 0)) + " permille of "
        how = f"{part}{base}, {share_text(run, bucket.base)}"
    elif rule.each is not None:
        how = f"{amount_text(rule.each)} for each member, as far as it went"
    else:
        how = f"{amount_text(rule.amount or (0, 0))} of {base}, as far as it went"
    taken = share_text(run, bucket.amount)
    stays = ", and stays with the group" if bucket.kind == FUND else ""
    return f"bucket {bucket.name}: {how}, is {taken}{stays}"


def _share_line(view: GroupView, run: Run, bucket: BucketResult, share: Share) -> str:
    points = sum(one.points for one in bucket.shares)
    name, amount = agent_name(view, share.who), share_text(run, share.amount)
    rounded = ", rounded up: a largest remainder" if share.is_rounded_up else ""
    if bucket.kind == EQUAL:
        return f"  {name} is one of {len(bucket.shares)} members: {amount}{rounded}"
    mine, all_ = share_text(run, share.points), share_text(run, points)
    if bucket.kind == CAPPED:
        claim = share.of.hex()[:8]
        return f"  {name} for {mine} of {all_} that may flow back, by the claim {claim}: {amount}{rounded}"
    if bucket.kind == CONSUMPTION:
        return f"  {name} for {mine} of {all_}: {amount}{rounded}"
    return f"  {name} has {share.points} of {points} points: {amount}{rounded}"


def _entry_lines(view: GroupView, run: Run, bucket: BucketResult, rule: Bucket, who: bytes) -> Iterator[str]:
    """The signed entries behind a share, with what each counts."""
    if bucket.kind == CONSUMPTION:
        for line in run.inputs:
            if line.what == CONSUMED and line.who == who:
                yield f"    {_record(line)}: used {_measure(line)}{_read_by(view, line)}"
    if bucket.kind != CONTRIBUTIONS:
        return
    total: Amount = (0, 0)
    for line in run.inputs:
        if line.what not in CONTRIBUTED or line.who != who:
            continue
        weight = weight_of(Given(line.who, line.what, line.kind, line.unit, line.amount), rule.weights)
        weighed = times(line.amount, weight)
        total = add(total, weighed)
        counts = f"x {weight} = {amount_text(weighed)}" if weight else "has no weight in this bucket"
        yield f"    {_record(line)}: {_measure(line)}{_of(line)} for {line.what} {counts}"
    yield f"    together {amount_text(total)}"


def _read_by(view: GroupView, line: Line) -> str:
    """Of which meter a line is, and how many readings; nothing for an event."""
    entry = None if tables.event(view.rows, line.record) is not None else view.describer.entry_of(line.record)
    if entry is None or entry.header.type != metering.READ_TYPE or entry.payload is None:
        return ""
    reading = metering.decode_reading(entry.payload)
    meter = metering.meter(view.rows, reading.meter)
    assert meter is not None, "only meters are read"
    void = len(metering.void_rules(view.rows, entry.id))
    count = len(reading.readings) - void
    left_out = f", {void} void" if void else ""
    return f", by {count} readings of the meter {meter.name}{left_out}"


def _record(line: Line) -> str:
    return f"{line.record.hex()[:8]} in block {line.height}"


def _measure(line: Line) -> str:
    return measure_text(Measure(line.amount, line.unit))


def _of(line: Line) -> str:
    return f" {line.kind}" if line.kind else ""

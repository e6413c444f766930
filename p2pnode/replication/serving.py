"""What one session sends because the peer asked for it: runs, annexes, headers, fork proofs; and own small
pushes.

Jobs take turns, one slice each, so that a long catch-up delays nothing else. One read from the store is
under way at a time, and bytes go out only as far as the peer has given credit: memory stays bounded
whatever the peer asks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pnode.core.errors import PeerError
from p2pnode.core.limits import CREDIT_BYTES, RUN_BYTES_MAX
from p2pnode.replication.effects import Effect, FindAnnexes, ReadFork, ReadHeaders, ReadPush, Send, Serve
from p2pnode.replication.exchange import Exchange, Want
from p2pnode.replication.frontier import Head
from p2pnode.replication.messages import (
    WANTS_MAX,
    Annexes,
    Branch,
    BranchWant,
    Fork,
    Heads,
    Message,
    Push,
    Runs,
    encode_message,
    head_columns,
)
from p2pnode.replication.ranges import shown_of
from p2pnode.replication.requests import Requests
from p2pnode.replication.run import StoredEntry, pack_runs

PUSH_BYTES_MAX = 4096
JOBS_MAX = 256
SLICE_BYTES_MIN = 128 * 1024
"""With less credit than this a slice waits: many small reads cost more than a short wait."""

COMPRESSED_BYTES_MIN = 512
_ANNEX_FRAME_BYTES = 256 * 1024
_ANNEXES_FIRST = 16
_WANTED_MAX = 4 * WANTS_MAX


@dataclass(slots=True)
class _RunsJob:
    exchange: Exchange
    number: int
    wants: Sequence[Want]
    compress: bool


@dataclass(slots=True)
class _AnnexJob:
    exchange: Exchange
    number: int
    hashes: list[bytes]
    slice: int = _ANNEXES_FIRST


@dataclass(slots=True)
class _ForkJob:
    exchange: Exchange
    author: bytes
    lane: int


@dataclass(slots=True)
class _BranchJob:
    exchange: Exchange
    asked: BranchWant


@dataclass(slots=True)
class _PushJob:
    exchange: Exchange
    head: Head
    first: int


_Job = _RunsJob | _AnnexJob | _ForkJob | _BranchJob | _PushJob


@dataclass(slots=True)
class Serving:
    """The sending side of a session."""

    requests: Requests
    credit_bytes: int = CREDIT_BYTES
    _jobs: deque[_Job] = field(default_factory=deque)
    _is_reading: bool = False

    def want_runs(
        self, exchange: Exchange, number: int, wants: Sequence[Want], compress: bool
    ) -> list[Effect]:
        """The peer asks for entries; lanes that it may not read are passed over without a word."""
        waiting = sum(len(job.wants) for job in self._jobs if isinstance(job, _RunsJob))
        if waiting + len(wants) > _WANTED_MAX:
            raise PeerError("sync.too_many_wants", f"at most {_WANTED_MAX} at a time")
        return self._add(_RunsJob(exchange, number, wants, compress))

    def want_annexes(self, exchange: Exchange, number: int, hashes: list[bytes]) -> list[Effect]:
        """The peer asks for annexes; knowing a salted hash shows that it has read the entry that names it."""
        return self._add(_AnnexJob(exchange, number, hashes))

    def want_fork(self, exchange: Exchange, author: bytes, lane: int) -> list[Effect]:
        """The peer asks for a fork proof."""
        return self._add(_ForkJob(exchange, author, lane)) if lane in exchange.lanes else []

    def want_branch(self, exchange: Exchange, asked: BranchWant) -> list[Effect]:
        """The peer asks for headers, to find where branches part."""
        return self._add(_BranchJob(exchange, asked))

    def push(self, exchange: Exchange, head: Head, first: int) -> list[Effect]:
        """Send our own new entries unasked, ahead of everything else."""
        self._jobs.appendleft(_PushJob(exchange, head, first))
        return self._next()

    def grant(self, size_bytes: int) -> list[Effect]:
        """The peer gives credit. Errors: PeerError sync.bad_credit."""
        self.credit_bytes += size_bytes
        if self.credit_bytes > 2 * CREDIT_BYTES:
            raise PeerError("sync.bad_credit", "credit for more than was sent")
        return self._next()

    def _add(self, job: _Job) -> list[Effect]:
        if len(self._jobs) >= JOBS_MAX:
            raise PeerError("sync.too_many_requests", f"at most {JOBS_MAX} at a time")
        self._jobs.append(job)
        return self._next()

    def _next(self) -> list[Effect]:
        """Begin the first job that may begin now."""
        if self._is_reading:
            return []
        for index, job in enumerate(self._jobs):
            if isinstance(job, _RunsJob | _AnnexJob) and self.credit_bytes < SLICE_BYTES_MIN:
                continue
            del self._jobs[index]
            self._is_reading = True
            return [self._begin(job)]
        return []

    def _begin(self, job: _Job) -> Effect:
        new, group = self.requests.new, job.exchange.group
        match job:
            case _RunsJob():
                size = min(self.credit_bytes, RUN_BYTES_MAX)
                # Judged anew for every slice: rights may have changed since the want came.
                job.wants = [want for want in job.wants if want.lane in job.exchange.lanes]
                return Serve(new(lambda result, _: self._runs_read(job, *result)), group, job.wants, size)
            case _AnnexJob():
                hashes = job.hashes[: job.slice]
                return FindAnnexes(new(lambda result, _: self._annexes_read(job, result)), group, hashes)
            case _ForkJob():
                token = new(lambda result, _: self._fork_read(job, result))
                return ReadFork(token, group, job.author, job.lane)
            case _BranchJob():
                asked = job.asked
                token = new(lambda result, _: self._headers_read(job, result))
                count = asked.count if asked.lane in job.exchange.lanes else 0
                return ReadHeaders(token, group, asked.author, asked.lane, asked.first, count)
            case _PushJob():
                want = Want(job.head.author, job.head.lane, job.first, job.head.seq)
                token = new(lambda result, _: self._push_read(job, *result))
                return ReadPush(token, group, want, PUSH_BYTES_MAX)

    def _finish(
        self, message: Message, again: _Job | None = None, *, is_credited: bool = False
    ) -> list[Effect]:
        """Send what a job came to; let the next one begin, this one at the end of the line if it has more."""
        frame = encode_message(message)
        if is_credited:
            self.credit_bytes -= len(frame)
        self._is_reading = False
        if again is not None:
            self._jobs.append(again)
        return [Send(frame), *self._next()]

    def _runs_read(self, job: _RunsJob, runs: list[bytes], remaining: list[Want]) -> list[Effect]:
        # Nothing for any of the wants: what they name is not here, and asking the store again will not help.
        is_last = not remaining or not runs
        body, is_compressed = packed(runs, job.compress)
        message = Runs(job.exchange.number, job.number, is_last, is_compressed, body)
        job.wants = remaining
        return self._finish(message, None if is_last else job, is_credited=True)

    def _annexes_read(self, job: _AnnexJob, blobs: Sequence[bytes]) -> list[Effect]:
        job.hashes = job.hashes[job.slice :]
        size = sum(map(len, blobs))
        if blobs:
            job.slice = max(1, _ANNEX_FRAME_BYTES * len(blobs) // size)
        effects: list[Effect] = []
        frame_blobs: list[bytes] = []
        frame_size = 0
        for blob in blobs:
            if frame_blobs and frame_size + len(blob) > _ANNEX_FRAME_BYTES:
                effects.append(self._annex_frame(job, frame_blobs))
                frame_blobs, frame_size = [], 0
            frame_blobs.append(blob)
            frame_size += len(blob)
        is_last = not job.hashes
        message = Annexes(job.exchange.number, job.number, is_last, frame_blobs)
        return effects + self._finish(message, None if is_last else job, is_credited=True)

    def _annex_frame(self, job: _AnnexJob, blobs: list[bytes]) -> Effect:
        frame = encode_message(Annexes(job.exchange.number, job.number, False, blobs))
        self.credit_bytes -= len(frame)
        return Send(frame)

    def _fork_read(self, job: _ForkJob, proof: bytes | None) -> list[Effect]:
        return self._finish(Fork(job.exchange.number, job.author, job.lane, proof or b""))

    def _headers_read(self, job: _BranchJob, entries: Sequence[StoredEntry]) -> list[Effect]:
        headers = [entry.header for entry in entries]
        signatures = [entry.signature or b"" for entry in entries]
        return self._finish(Branch(job.exchange.number, job.asked.number, headers, signatures))

    def _push_read(self, job: _PushJob, run: bytes | None, annexes: Sequence[bytes]) -> list[Effect]:
        exchange, shown = job.exchange, shown_of(job.head)
        news = exchange.pushed(shown.key)
        for head, first in news.pushed:
            self._jobs.appendleft(_PushJob(exchange, head, first))
        if run is not None:
            body = pack_runs([run], compress=False)
            place = (shown.author, shown.lane, job.first, shown.seq)
            effects = self._finish(Push(exchange.number, *place, shown.tag, body, list(annexes)))
        else:
            # Too much to push: announce it, and the peer asks for it.
            effects = self._finish(Heads(exchange.number, exchange.level(), head_columns([shown])))
        if news.shown:
            heads = head_columns([shown_of(head) for head in news.shown])
            effects.append(Send(encode_message(Heads(exchange.number, exchange.level(), heads))))
        return effects


def packed(runs: Sequence[bytes], compress: bool) -> tuple[bytes, bool]:
    """A frame body, and whether it is compressed: only when that makes it smaller."""
    if not runs:
        return b"", False
    plain = pack_runs(runs, compress=False)
    if not compress or len(plain) < COMPRESSED_BYTES_MIN:
        return plain, False
    small = pack_runs(runs, compress=True)
    return (small, True) if len(small) < len(plain) else (plain, False)

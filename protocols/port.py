"""What the protocols ask of the node, and nothing else: the protocols decide nothing about entries.

Everything here is called in the event loop's thread. Methods that are not async return at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

import trio

from p2pnode.core.codec import Value
from p2pnode.core.presence import Presence
from p2pnode.replication.exchange import Cursor, GroupView, Ingested, Want
from p2pnode.replication.frontier import Head
from p2pnode.replication.run import StoredEntry
from protocols.stream import ByteStream

__all__ = [
    "AnnexesWanted",
    "Change",
    "Cursor",
    "EntryProofAsked",
    "FinalProofAsked",
    "ForkFound",
    "GroupChanged",
    "GroupView",
    "HeadsMoved",
    "Ingested",
    "JoinAnswer",
    "JoinRequest",
    "NodePort",
    "PresenceTold",
    "ProofAsked",
    "Resync",
    "RowProofAsked",
    "Want",
    "WireEntry",
]


class WireEntry(NamedTuple):
    """An entry as it travels outside a run."""

    header: bytes
    signature: bytes
    payload: bytes


class JoinRequest(NamedTuple):
    """A newcomer's first entries from seq 0 on, the first a `member.join`, and the annexes that they name."""

    group: bytes
    entries: tuple[WireEntry, ...]
    annexes: tuple[bytes, ...]


class JoinAnswer(NamedTuple):
    """What the inviter's node answers.

    Shapes: verdict is "provisional", "member", "petition" or "refused"; rule and message say why when it is
    one of the last two. founding and entries (those that show how members came in) are given to whom was
    admitted only.
    """

    verdict: str
    rule: str = ""
    message: str = ""
    founding: WireEntry | None = None
    entries: tuple[WireEntry, ...] = ()


class FinalProofAsked(NamedTuple):
    """The way to a final block: its header and certificate, and each change of who votes before it.

    Shapes: height 0 asks for the last one.
    """

    group: bytes
    height: int


class EntryProofAsked(NamedTuple):
    """What a final block decided about an entry, whatever lane it lies in."""

    group: bytes
    entry: bytes


class RowProofAsked(NamedTuple):
    """A row of the state after the last final block, or that there is none."""

    group: bytes
    key: bytes


ProofAsked = FinalProofAsked | EntryProofAsked | RowProofAsked


class HeadsMoved(NamedTuple):
    """Heads of a group moved and are durable; the group's frontier shows them already.

    Shapes: is_urgent: own entries among them are pushed to all peers.
    """

    group: bytes
    heads: tuple[Head, ...]
    is_urgent: bool = False


class GroupChanged(NamedTuple):
    """A group was opened or left, or who may read what in it changed."""

    group: bytes


class AnnexesWanted(NamedTuple):
    """Entries name annexes that are not here."""

    group: bytes


class ForkFound(NamedTuple):
    """A proof was found or received, and is to be spread."""

    group: bytes
    proof: bytes


class Resync(NamedTuple):
    """Changes were dropped because the watcher was slow: look at everything again."""


class PresenceTold(NamedTuple):
    """A voter is there: peers are to be told, as the node says so itself or has heard it (J33)."""

    group: bytes
    relays: int
    presence: Presence


Change = PresenceTold | HeadsMoved | GroupChanged | AnnexesWanted | ForkFound | Resync


class NodePort(Protocol):
    """The node as the protocols see it."""

    @property
    def own_key(self) -> bytes:
        """The device key of this node, which is its libp2p key too."""

    def now_ms(self) -> int:
        """The wall clock. Units: ms since 1970."""

    def random(self, size: int) -> bytes:
        """Unpredictable bytes."""

    def sign(self, message: bytes) -> bytes:
        """A signature by the own key. Shapes: 64 bytes."""

    def groups(self) -> Mapping[bytes, GroupView]:
        """The groups that are held here, live."""

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        """What somebody who has proven some device keys may read. Source: J23."""

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        """Up to where this node has everything that a peer had."""

    def remember_cursor(self, peer: bytes, group: bytes, cursor: Cursor) -> None:
        """Keep a cursor; losing one costs bytes, never entries."""

    def heads_confirmed(self, peer: bytes, group: bytes) -> None:
        """Everything that a peer showed of a group is durable here: our own heads are not behind (J35)."""

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        """The last words of voters that they are there, and how often each was handed on with this time."""

    def presence_heard(self, peer: bytes, group: bytes, relays: int, presence: Presence) -> None:
        """A peer told that a voter is there; the signature is not checked yet."""

    def heard_out(self, peer: bytes, group: bytes) -> None:
        """Everything of a group that a peer showed when it was met is durable here."""

    def lanes_closed(self, peer: bytes, group: bytes) -> None:
        """A peer stopped showing lane 0 of a group."""

    def clock_heard(self, peer: bytes, offset_ms: int) -> None:
        """A peer told its time. Units: its wall clock minus ours (J31)."""

    async def ingest(
        self,
        group: bytes,
        peer: bytes,
        frame: bytes,
        compressed: bool,
        pushed: bool,
        annexes: Sequence[bytes] = (),
    ) -> Ingested:
        """Take a frame of runs; returns when what was stored is durable and the frontier shows it.

        Of the annexes that came along, those that the runs name are kept.
        A call takes its place in line before its first checkpoint: calls made in order are served in order.
        """

    async def read_runs(
        self, group: bytes, wants: Sequence[Want], bytes_max: int
    ) -> tuple[list[bytes], list[Want]]:
        """Encoded runs for the first wants, together at most about bytes_max, and the wants that remain.

        What is not here is left out of both; at least one run is returned while something wanted is here.
        """

    async def read_push(
        self, group: bytes, want: Want, run_bytes_max: int
    ) -> tuple[bytes | None, list[bytes]]:
        """All own entries that are wanted as one run, or None when it is too long; small annexes it names."""

    async def read_annexes(self, group: bytes, hashes: Sequence[bytes]) -> list[bytes]:
        """The annexes among these that are here, salt included."""

    async def keep_annexes(self, group: bytes, peer: bytes, blobs: Sequence[bytes]) -> None:
        """Keep annexes; those that nobody named are dropped."""

    def wanted_annexes(self, group: bytes) -> list[bytes]:
        """The hashes of annexes that entries name and that are not here, at most a few thousand."""

    async def keep_fork(self, group: bytes, peer: bytes, proof: bytes) -> str | None:
        """Check and keep a fork proof; the rule that blames its sender, or nothing."""

    async def read_fork(self, group: bytes, author: bytes, lane: int) -> bytes | None:
        """The proof that a lane is forked, if one is held."""

    async def read_headers(
        self, group: bytes, author: bytes, lane: int, first: int, count: int
    ) -> list[StoredEntry]:
        """Consecutive entries of a lane from a seq on, as far as they are here."""

    async def admit(self, peer: bytes, request: JoinRequest) -> JoinAnswer:
        """Decide on a newcomer (J21)."""

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Value) -> Value:
        """Answer a question about this node's views. Errors: UsageError for a question that has no answer."""

    async def prove(self, peer: bytes, question: ProofAsked) -> bytes:
        """The proof that a peer asks for, as a file. Errors: UsageError for what it may not have, or what is
        not here."""

    def watch(self) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Change]]:
        """What changes from now on."""

    def penalize(self, peer: bytes, rule: str) -> None:
        """Note that a peer broke a rule that every correct peer keeps."""

    def is_blocked(self, peer: bytes) -> bool:
        """Whether the user or a penalty keeps a peer out."""

    async def open_stream(self, peer: bytes, protocol: str, own_connection: bool) -> ByteStream:
        """A new stream to a peer, on a connection of its own when asked. Errors: Unreachable."""

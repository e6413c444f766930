"""Forks: finding where two branches of a lane part, and taking the proofs that a peer shows.

Our headers and the peer's are compared window by window, backwards, until a window starts with entries that
agree or the lane begins. Then both branches are read forward from the first difference to the nearest valid
signature, which makes the proof (J5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from p2pnode.core.crypto import SIGNATURE_BYTES, is_signed
from p2pnode.core.entry import ENTRY_TAG, Header, decode_header
from p2pnode.core.errors import FormatError, PeerError
from p2pnode.core.limits import AUTHENTIC_STEPS_MAX
from p2pnode.replication.effects import Blame, Effect, End, KeepFork, ReadHeaders, Send
from p2pnode.replication.exchange import Exchange
from p2pnode.replication.fork import Branch as ForkBranch
from p2pnode.replication.fork import encode_fork_proof
from p2pnode.replication.frontier import LaneKey
from p2pnode.replication.messages import Branch, BranchWant, Fork, ForkWant, encode_message
from p2pnode.replication.requests import Requests
from p2pnode.replication.run import StoredEntry

_QUEUE_MAX = 64
_PROOFS_MAX = 256


@dataclass(slots=True)
class _Hunt:
    """One lane under suspicion, and the window that is being compared."""

    exchange: Exchange
    author: bytes
    lane: int
    first: int
    is_parting_known: bool = False
    theirs: Sequence[tuple[bytes, bytes]] | None = None
    mine: Sequence[StoredEntry] | None = None
    is_cut: bool = False

    def align(self) -> None:
        """Let both windows begin at the same entry: of a lane of votes one side may keep less (J18).

        Errors: PeerError sync.bad_branch.
        """
        if not self.mine or not self.theirs:
            return
        mine, theirs = decode_header(self.mine[0].header).seq, _header_of(self.theirs[0][0]).seq
        first = max(mine, theirs, self.first)
        self.mine, self.theirs = self.mine[first - mine :], self.theirs[first - theirs :]
        self.is_cut = first > self.first
        self.first = first


@dataclass(slots=True)
class Hunting:
    """The search for forks in one session, one lane at a time."""

    requests: Requests
    _waiting: deque[tuple[Exchange, bytes, int, int]] = field(default_factory=deque)
    _hunt: _Hunt | None = None
    _number: int = 0
    _seen: set[tuple[bytes, bytes, int, int]] = field(default_factory=set)

    def suspect(self, exchange: Exchange, author: bytes, lane: int, seq: int) -> list[Effect]:
        """What the peer holds at a seq is not what we hold there."""
        place = (exchange.group, author, lane, seq)
        if place in self._seen or len(self._waiting) >= _QUEUE_MAX:
            return []
        self._seen.add(place)
        self._waiting.append((exchange, author, lane, max(seq, 0)))
        return self._next()

    def branch(self, message: Branch) -> list[Effect]:
        """The peer's headers came. Errors: PeerError sync.unasked, sync.bad_branch."""
        if self._hunt is None or message.number != self._number or self._hunt.theirs is not None:
            raise PeerError("sync.unasked", "headers that nobody asked for")
        if len(message.headers) != len(message.signatures) or any(
            len(signature) not in (0, SIGNATURE_BYTES) for signature in message.signatures
        ):
            raise PeerError("sync.bad_branch", "each header has one signature or none")
        self._hunt.theirs = list(zip(message.headers, message.signatures, strict=True))
        return self._compare()

    def _next(self) -> list[Effect]:
        if self._hunt is not None or not self._waiting:
            return []
        exchange, author, lane, seq = self._waiting.popleft()
        self._hunt = _Hunt(exchange, author, lane, max(0, seq + 1 - AUTHENTIC_STEPS_MAX))
        return self._read()

    def _read(self) -> list[Effect]:
        """Ask both sides for the window."""
        hunt = self._hunt
        if hunt is None:
            return []
        hunt.theirs = hunt.mine = None
        self._number += 1
        asked = BranchWant(
            hunt.exchange.number, self._number, hunt.author, hunt.lane, hunt.first, AUTHENTIC_STEPS_MAX
        )
        token = self.requests.new(lambda result, _: self._mine_read(hunt, result))
        read = ReadHeaders(
            token, hunt.exchange.group, hunt.author, hunt.lane, hunt.first, AUTHENTIC_STEPS_MAX
        )
        return [Send(encode_message(asked)), read]

    def _mine_read(self, hunt: _Hunt, entries: Sequence[StoredEntry]) -> list[Effect]:
        hunt.mine = entries
        return self._compare()

    def _compare(self) -> list[Effect]:
        hunt = self._hunt
        if hunt is None or hunt.mine is None or hunt.theirs is None:
            return []
        hunt.align()
        pairs = zip(hunt.mine, hunt.theirs, strict=False)
        parting = next((i for i, (mine, theirs) in enumerate(pairs) if mine.header != theirs[0]), None)
        if parting is None:
            return self._give_up()
        if parting == 0 and hunt.first > 0 and not hunt.is_parting_known:
            if _prev_of(hunt.mine[0].header) != _prev_of(hunt.theirs[0][0]):
                if hunt.is_cut:
                    return self._give_up()  # where they part is not kept any more
                hunt.first = max(0, hunt.first - AUTHENTIC_STEPS_MAX)
                return self._read()
        elif parting > 0:
            # Read again from the parting on: the nearest signature may lie beyond this window.
            hunt.first += parting
            hunt.is_parting_known = True
            return self._read()
        return self._prove(hunt, hunt.mine, hunt.theirs)

    def _prove(
        self, hunt: _Hunt, mine: Sequence[StoredEntry], theirs: Sequence[tuple[bytes, bytes]]
    ) -> list[Effect]:
        left = _branch_of(
            hunt.author, [entry.header for entry in mine], lambda index: mine[index].signature or b""
        )
        right = _branch_of(hunt.author, [header for header, _ in theirs], lambda index: theirs[index][1])
        if left is None or right is None:
            return self._give_up()
        token = self.requests.new(lambda _, __: self._give_up())
        return [KeepFork(token, hunt.exchange.group, encode_fork_proof(left, right))]

    def _give_up(self) -> list[Effect]:
        """Done with this lane, whether or not a proof came of it."""
        self._hunt = None
        return self._next()


@dataclass(slots=True)
class Proofs:
    """The fork proofs that the peer of one session shows."""

    requests: Requests
    hunting: Hunting
    _shown: int = 0

    def take(self, exchange: Exchange, message: Fork) -> list[Effect]:
        """A proof came, or word that there is none. Errors: PeerError sync.too_many_forks."""
        key = (message.author, message.lane)
        mine = exchange.frontier.heads.get(key)
        doubted = exchange.doubted.pop(key, None)
        if mine is not None and mine.is_proven and key not in exchange.unproven:
            return []
        if not message.proof:
            return self._unproven(exchange, key, doubted)
        self._shown += 1
        if self._shown > _PROOFS_MAX:
            raise PeerError("sync.too_many_forks", f"at most {_PROOFS_MAX} proofs in a session")
        token = self.requests.new(lambda rule, _: self._kept(exchange, key, rule))
        return [KeepFork(token, exchange.group, message.proof)]

    def _unproven(self, exchange: Exchange, key: LaneKey, doubted: int | None) -> list[Effect]:
        """The lane ends at the peer at an entry that is wrong by itself: that one, if it is not held here, or
        one of another branch than the one held. Shapes: doubted is the peer's seq where ours ends so too."""
        mine = exchange.frontier.heads.get(key)
        seq = exchange.unproven.get(key)
        exchange.miss_fault(key)
        if mine is None:
            return []
        if doubted is not None:
            return self.hunting.suspect(exchange, *key, mine.seq + 1) if mine.seq < doubted else []
        return [] if seq is None or mine.seq <= seq else self.hunting.suspect(exchange, *key, seq + 1)

    def _kept(self, exchange: Exchange, key: LaneKey, rule: str | None) -> list[Effect]:
        if rule is not None:
            return [Blame(rule), End(rule)]
        mine = exchange.frontier.heads.get(key)
        if mine is None:
            # Nothing is known of its author here: the proof came too early, and is asked for again.
            return []
        seq = exchange.unproven.pop(key, mine.seq)
        # A proof that does not fit what is held here is about a branch that parted earlier.
        return [] if mine.is_proven else self.hunting.suspect(exchange, *key, min(seq, mine.seq))


def want_proof(exchange: Exchange, key: LaneKey) -> Effect:
    """Ask the peer for the proof that a lane is forked."""
    return Send(encode_message(ForkWant(exchange.number, *key)))


def _prev_of(header: bytes) -> bytes:
    return _header_of(header).prev


def _header_of(header: bytes) -> Header:
    try:
        return decode_header(header)
    except FormatError as error:
        raise PeerError("sync.bad_branch", error.rule) from error


def _branch_of(
    author: bytes, headers: Sequence[bytes], signature_at: Callable[[int], bytes]
) -> ForkBranch | None:
    """The headers up to the nearest valid signature, if there is one."""
    for index, header in enumerate(headers):
        signature = signature_at(index)
        if signature and is_signed(author, ENTRY_TAG + header, signature):
            return ForkBranch(tuple(headers[: index + 1]), signature)
    return None

"""Everything that can happen to a node, and everything it can ask the outside to do.

Events go in, effects come out (`p2pnode/node.py`); neither does anything. `request` is whatever the asker
wants to see again in the `Reply`. Effects are best effort: what must survive a crash is a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from p2pnode.core.codec import Value
from p2pnode.core.presence import Presence

Request = Any


@dataclass(frozen=True, slots=True)
class Item:
    """One entry to write. Shapes: annexes are whole blobs, salt included."""

    type: str
    payload: bytes
    lane: int = 0
    annexes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Found a group. Shapes: charter is the canonical map of a charter; nonce has 32 random bytes."""

    request: Request
    charter: Mapping[str, Value]
    nonce: bytes
    recovery_commitment: bytes
    annex: bytes


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open a group of which the founding entry is here: one that this device founded with others, or in which
    another device of its member is. Shapes: founding is (header, signature, payload); annexes hold names.
    """

    request: Request
    founding: tuple[bytes, bytes, bytes]
    annexes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChainAsked:
    """How far a group has decided, and what its next block waits for; the reply is a `ChainReport`."""

    request: Request
    group: bytes


@dataclass(frozen=True, slots=True)
class AgreeToClose:
    """The person at this node agrees to the second convocation that `convocation.asked` told of (J32)."""

    request: Request
    group: bytes


@dataclass(frozen=True, slots=True)
class LevelAsked:
    """What this node needs to get level with a group; the reply is a `chain.leading.Next`.

    Shapes: is_fresh asks whether there is a newer final block, whatever else is under way.
    """

    request: Request
    group: bytes
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class LevelAnswered:
    """A peer answered a question by which this node gets level.

    Shapes: wanted is one of `replication.level`; answer is None when nobody has it; the reply is as above.
    """

    request: Request
    group: bytes
    peer: bytes
    wanted: Any
    answer: Value


@dataclass(frozen=True, slots=True)
class PrepareJoin:
    """Write, durably, the entry with which we ask to join a group."""

    request: Request
    link: str
    recovery_commitment: bytes
    annex: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """A member admitted us: open the group. Shapes: founding is (header, signature, payload)."""

    request: Request
    group: bytes
    founding: tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class JoinAsked:
    """A newcomer hands us its first entries. Shapes: entries are (header, signature, payload) from seq 0
    on.
    """

    request: Request
    group: bytes
    peer: bytes
    entries: tuple[tuple[bytes, bytes, bytes], ...]
    annexes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """Write entries of our own."""

    request: Request
    group: bytes
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """A peer sent runs. `pushed` means unasked, as a live announcement, with annexes that they may name."""

    request: Request
    group: bytes
    peer: bytes
    frame: bytes
    is_compressed: bool
    is_pushed: bool
    annexes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ForkShown:
    """A peer, or our own comparison, shows a fork proof."""

    request: Request
    group: bytes
    peer: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class AnnexesReceived:
    """A peer sent annexes that entries of ours name."""

    request: Request
    group: bytes
    peer: bytes
    annexes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SignatureFound:
    """A peer has a signature that verifies for an entry whose own did not arrive whole (J5)."""

    group: bytes
    entry: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class HeaderFound:
    """A peer has the header of a dead branch that an entry here names (J17)."""

    group: bytes
    header: bytes


@dataclass(frozen=True, slots=True)
class HeadsConfirmed:
    """A session with a member of the group ended with equal heads: ours are not behind (J35)."""

    group: bytes
    peer: bytes


@dataclass(frozen=True, slots=True)
class PresenceHeard:
    """A peer says that a voter is there (J33). Shapes: relays counts how often that was handed on."""

    group: bytes
    peer: bytes
    relays: int
    presence: Presence


@dataclass(frozen=True, slots=True)
class HeardOut:
    """Everything that a peer showed of a group when a session with it began is here."""

    group: bytes
    peer: bytes


@dataclass(frozen=True, slots=True)
class PeersPresent:
    """Who is on-line as far as this node knows. Shapes: device keys."""

    peers: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class ClockHeard:
    """A peer told its time. Units: offset_ms is its wall clock minus ours."""

    peer: bytes
    offset_ms: int


@dataclass(frozen=True, slots=True)
class PeerNoted:
    """Something about a peer is to be remembered. Units: seen_ms is wall time, 0 when never met."""

    peer: bytes
    addresses: tuple[str, ...]
    is_wanted: bool
    is_blocked: bool
    seen_ms: int


@dataclass(frozen=True, slots=True)
class CursorsNoted:
    """How far we are in step with peers. Shapes: (peer, group, the peer's epoch, its counter)."""

    cursors: tuple[tuple[bytes, bytes, bytes, int], ...]


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Bring a group's views up to date before they are read."""

    request: Request
    group: bytes


@dataclass(frozen=True, slots=True)
class Leave:
    """Say that we leave a group; deleting what we hold of it is a second step."""

    request: Request
    group: bytes


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what this node holds of a group."""

    request: Request
    group: bytes


@dataclass(frozen=True, slots=True)
class ConfirmClock:
    """The user says that this machine's clock is right (J31)."""

    request: Request


@dataclass(frozen=True, slots=True)
class Woke:
    """Time has come for what the node asked to be woken for, or there is time to spare."""


Event = (
    Found
    | OpenGroup
    | ChainAsked
    | AgreeToClose
    | LevelAsked
    | LevelAnswered
    | PrepareJoin
    | Joined
    | JoinAsked
    | Append
    | Received
    | ForkShown
    | AnnexesReceived
    | SignatureFound
    | HeaderFound
    | HeadsConfirmed
    | ClockHeard
    | PeerNoted
    | CursorsNoted
    | CatchUp
    | Leave
    | Forget
    | ConfirmClock
    | PeersPresent
    | HeardOut
    | PresenceHeard
    | Woke
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request: a value, or the error that explains why there is none."""

    request: Request
    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Heads moved, after COMMIT.

    Shapes: heads are `replication.frontier.Head`; is_urgent: own entries among them call for a block.
    """

    group: bytes
    heads: tuple[Any, ...]
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class PresenceTold:
    """A voter is there: those who may read votes are to be told (J33)."""

    group: bytes
    relays: int
    presence: Presence


@dataclass(frozen=True, slots=True)
class Regrouped:
    """Who belongs to the group changed, or the group was opened.

    Shapes: state is `governance.state.GroupState`; epoch names this file of the group (16 bytes).
    """

    group: bytes
    state: Any
    epoch: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The group is no longer held here."""

    group: bytes


@dataclass(frozen=True, slots=True)
class AnnexesWanted:
    """Entries name annexes that are not here."""

    group: bytes


@dataclass(frozen=True, slots=True)
class SignatureWanted:
    """A stored signature does not verify; a successor vouches for the entry, others may have it whole."""

    group: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class HeaderWanted:
    """An entry names something that no lane here brings, while a key was used twice: its header is needed
    (J17).
    """

    group: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class ForkFound:
    """A key was used twice: the proof is to be spread."""

    group: bytes
    author: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Penalize:
    """A peer broke a rule that every correct peer keeps."""

    peer: bytes
    rule: str


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Woke` at this wall time. Units: ms; 0 means as soon as nothing else is to be done."""

    time_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person has to know, with a stable rule id."""

    rule: str
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)


Effect = (
    Reply
    | Moved
    | Regrouped
    | Closed
    | AnnexesWanted
    | SignatureWanted
    | HeaderWanted
    | ForkFound
    | Penalize
    | PresenceTold
    | WakeAt
    | Alert
)

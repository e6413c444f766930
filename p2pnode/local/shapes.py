"""What the service answers about the node, its groups, peers and entries. Types only, no behaviour.

`service.py` says what the values mean in general. The shapes of `agreement_shapes.py` are offered here too.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict

from p2pnode.local.agreement_shapes import (
    BallotCodes as BallotCodes,
)
from p2pnode.local.agreement_shapes import (
    BallotShown as BallotShown,
)
from p2pnode.local.agreement_shapes import (
    CharterDetail as CharterDetail,
)
from p2pnode.local.agreement_shapes import (
    DecisionDetail as DecisionDetail,
)
from p2pnode.local.agreement_shapes import (
    DecisionSummary as DecisionSummary,
)
from p2pnode.local.agreement_shapes import (
    DeviceAnswer as DeviceAnswer,
)
from p2pnode.local.agreement_shapes import (
    DeviceInvitation as DeviceInvitation,
)
from p2pnode.local.agreement_shapes import (
    DeviceRow as DeviceRow,
)
from p2pnode.local.agreement_shapes import (
    Document as Document,
)
from p2pnode.local.agreement_shapes import (
    FounderOffer as FounderOffer,
)
from p2pnode.local.agreement_shapes import (
    FoundingDraft as FoundingDraft,
)
from p2pnode.local.agreement_shapes import (
    FoundingTerms as FoundingTerms,
)
from p2pnode.local.agreement_shapes import (
    MandateShown as MandateShown,
)
from p2pnode.local.agreement_shapes import (
    ProofFile as ProofFile,
)
from p2pnode.local.agreement_shapes import (
    SaidOnBehalf as SaidOnBehalf,
)
from p2pnode.local.agreement_shapes import (
    Spoken as Spoken,
)
from p2pnode.local.agreement_shapes import (
    SubjectRule as SubjectRule,
)
from p2pnode.local.agreement_shapes import (
    Tally as Tally,
)

Standing = Literal["member", "provisional", "petitioner", "removed", "follower"]
EntryState = Literal["signed", "acknowledged", "final", "void", "waiting"]
"""signed: only here; acknowledged: others built on it; final: decided; void: refused by a rule."""


class Notice(TypedDict):
    """Something the user should know or do, as shown by `status` and at the end of `up`."""

    rule: str
    message: str
    remedy: str


class GroupSummary(TypedDict):
    """One group that is held here; frontier is equal on nodes that hold the same entries.

    as_of: for who is a member no more, when the group was as it is shown, in words; nothing for all others.

    height: how many blocks are final; waits_for: what the next one waits for, in words, or nothing; level:
    what of the history behind a snapshot is still to be checked, in words, or nothing.
    """

    id: str
    name: str
    kind: str
    standing: Standing
    frontier: str
    entries: int
    authors: int
    members: int
    undecided: int
    height: int
    waits_for: str
    level: str
    as_of: str
    wanted: int
    forks: int
    disk_bytes: int


class Status(TypedDict):
    """The running node in one page."""

    version: str
    pid: int
    home: str
    started_ms: int
    peer_id: str
    did: str
    addresses: list[str]
    api: str
    peers_connected: int
    peers_known: int
    may_write: bool
    groups: list[GroupSummary]
    notices: list[Notice]


class GroupDetail(TypedDict):
    """A group as it is now. founders and voters are dids, *_names what people call them; council: the elected
    members, council_until_ms: the end of their term; parked: entries that a later rule version executes.
    """

    summary: GroupSummary
    charter: dict[str, Any]
    founders: list[str]
    voters: list[str]
    founder_names: list[str]
    voter_names: list[str]
    council: list[str]
    council_until_ms: int | None
    rule_version: int
    parked: int
    founded_ms: int


class Waiting(TypedDict):
    """How far a group has decided, and what its next block waits for; names of members are for people.

    ask: the silent ones without oneself; level: as in GroupSummary.
    """

    group: str
    height: int
    final_ms: int
    stage: str
    attempt: int
    needed: int
    spoken: list[str]
    silent: list[str]
    ask: list[str]
    sentence: str
    level: str


class MemberRow(TypedDict):
    """One member: name is the personal text of the inception's annex, empty where it is not known here.

    waits_for: the rule that a newcomer waits for; voting: "votes", why the voting role rests, or nothing;
    last_seen_ms: the time of the member's newest entry here.
    """

    id: str
    name: str
    status: Literal["member", "provisional", "petitioner", "left", "removed"]
    waits_for: str
    sponsors: list[str]
    roles: list[str]
    voting: str
    suspended_until_ms: int
    last_seen_ms: int | None
    devices: list[str]
    invited_by: str | None
    joined_entry: str
    joined_ms: int
    is_self: bool
    is_voter: bool


class Invited(TypedDict):
    """A fresh invitation link; it holds a secret, so it is shown once and not kept."""

    link: str
    group: str
    name: str
    uses: int
    expires_ms: int
    addresses: list[str]


class Joined(TypedDict):
    """Where a request to join stands after the bounded wait. entry: the member.join entry."""

    group: str
    name: str
    standing: Standing
    entry: str
    entries: int
    message: str


class Left(TypedDict):
    """What leaving did. entry is None where this node was no member."""

    group: str
    name: str
    entry: str | None
    told_peers: int
    deleted_bytes: int


class PeerRow(TypedDict):
    """One peer of the address book. rtt_ms is None while not connected."""

    peer_id: str
    did: str
    connected: bool
    direction: Literal["in", "out", "none"]
    addresses: list[str]
    groups: list[str]
    source: str
    rtt_ms: float | None
    last_seen_ms: int | None
    next_try_ms: int | None
    problem: str | None
    blocked: bool
    penalties: int


class Ping(TypedDict):
    """A measured round trip."""

    peer_id: str
    rtt_ms: float
    address: str


class Written(TypedDict):
    """An entry that is durable here."""

    entry: str
    group: str
    lane: int
    seq: int
    time_ms: int


class ContributionBody(TypedDict):
    """A contribution in ValueFlows words; a quantity is a decimal text, its unit a label such as kg or h."""

    action: str
    resource: NotRequired[str]
    quantity: NotRequired[str]
    quantity_unit: NotRequired[str]
    effort: NotRequired[str]
    effort_unit: NotRequired[str]
    performed_ms: NotRequired[int]
    commons: NotRequired[str]
    stream: NotRequired[Literal["livelihood", "commons", "care"]]


class GitClaim(TypedDict):
    """One commit as its importer claims it (J27); author, co_authors and message go into the annex. provider
    is the id of the member who wrote it, where the importer knows.
    """

    commit: str
    authored_ms: int
    files: int
    lines_added: int
    lines_removed: int
    author: str
    co_authors: list[str]
    message: str
    provider: NotRequired[str | None]


class Imported(TypedDict):
    """written: new claims; known: claims held already; entries: how many entries carry the new ones."""

    group: str
    written: int
    known: int
    entries: int


class EntryRow(TypedDict):
    """One line of the log. text: one plain sentence about the body; rule: why it is void or waiting."""

    entry: str
    group: str
    author: str
    author_name: str
    lane: int
    seq: int
    depth: int
    time_ms: int
    type: str
    payload_bytes: int
    state: EntryState
    rule: str | None
    text: str
    cursor: int


class LogPage(TypedDict):
    """Rows, newest first; next is the `before` of the following page, None at the end."""

    rows: list[EntryRow]
    next: int | None


class EntryDetail(TypedDict):
    """One entry with everything needed to check it elsewhere; *_hex are the bytes as they travel."""

    row: EntryRow
    prev: str
    acks: list[str]
    header_hex: str
    signature_hex: str | None
    payload_hex: str | None
    body: Any
    annex: dict[str, Any] | None


class Damage(TypedDict):
    """Something that `verify` found wrong."""

    group: str
    place: str
    rule: str
    message: str
    remedy: str


class Verification(TypedDict):
    """What `verify` looked at and found; no damage means that every hash, chain and signature holds."""

    groups: int
    entries: int
    signatures: int
    payload_bytes: int
    damage: list[Damage]


class Question(TypedDict):
    """What to ask a peer; `name` is one of groups, frontier, log, entry, members."""

    name: Literal["groups", "frontier", "log", "entry", "members"]
    group: NotRequired[str]
    author: NotRequired[str]
    entry: NotRequired[str]
    limit: NotRequired[int]


class Answer(TypedDict):
    """What a peer said. proven: how many entries came with the answer and were verified here."""

    peer_id: str
    question: str
    answer: Any
    proven: int


class Explanation(TypedDict):
    """Why something is as it is, and what would change it; subject says what the word was taken for."""

    subject: str
    lines: list[str]
    remedy: str


class GroupDisk(TypedDict):
    """Disk use of one group."""

    id: str
    name: str
    disk_bytes: int
    entries: int


class Disk(TypedDict):
    """Disk use of the home. free_bytes: what the file system still has."""

    home: str
    total_bytes: int
    free_bytes: int
    node_bytes: int
    groups: list[GroupDisk]


class Backup(TypedDict):
    """A finished backup."""

    path: str
    bytes: int
    groups: int

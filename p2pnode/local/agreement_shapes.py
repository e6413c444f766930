"""What the service tells of founding, charter, decisions, proofs and devices. Types only, no behaviour.

`service.py` says what the values mean in general, and takes these up under the same names.
"""

from __future__ import annotations

from typing import Any, Literal

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict


class FounderOffer(TypedDict):
    """A founder's beginning as a member, with the name in an annex; *_hex are bytes."""

    format: Literal["p2pnode/offer/1"]
    inception_hex: str
    annex_hex: str
    addresses: list[str]


class FoundingDraft(TypedDict):
    """Terms that founders sign one after the other. signatures are by did; entry_hex holds header, signature
    and payload once the group is founded.
    """

    format: Literal["p2pnode/founding/1"]
    author: str
    terms_hex: str
    offers: list[FounderOffer]
    signatures: dict[str, str]
    entry_hex: list[str]


class FoundingTerms(TypedDict):
    """What a draft says, for people. rules: how the group would decide on each subject."""

    name: str
    charter: dict[str, Any]
    rules: list[SubjectRule]
    founders: list[str]
    author: str
    missing: list[str]
    group: str | None


class DeviceRow(TypedDict):
    """One device of one's own member. revoked_ms: when a revocation takes effect unless a device objects;
    takes_over_ms: when a recovery replaces all devices by this one.
    """

    did: str
    status: Literal["active", "provisional", "revoked", "sealed", "recovering"]
    is_self: bool
    is_voting: bool
    revoked_ms: int | None
    takes_over_ms: int | None


class DeviceInvitation(TypedDict):
    """What a further device needs to belong to a member of a group; nothing in it is secret."""

    format: Literal["p2pnode/device/1"]
    group: str
    name: str
    member: str
    member_name: str
    founding_hex: list[str]
    device: str
    addresses: list[str]


class DeviceAnswer(TypedDict):
    """The new device's word, for a device that the member has already."""

    group: str
    name: str
    answer: str


class SubjectRule(TypedDict):
    """How the group decides on a subject, in words. early: the vote ends when everybody has voted."""

    subject: str
    rule: str
    window_hours: int
    grace_hours: int
    early: bool


class CharterDetail(TypedDict):
    """The charter in force. charter: its canonical map; hash: what a configuration names it by."""

    group: str
    name: str
    charter: dict[str, Any]
    hash: str
    rules: list[SubjectRule]


class Tally(TypedDict):
    """Counted ballots, delegated ones included. took_part of voters have one."""

    yes: int
    no: int
    abstain: int
    object: int
    ranked: int
    took_part: int
    voters: int


class DecisionSummary(TypedDict):
    """One proposal. provisional: not in a final block yet. failed: the rule by which a passed decision could
    not be carried out; round: how often it was put to the vote, because of ties; mine: the own ballot that
    counts now.
    """

    id: str
    group: str
    subject: str
    title: str
    about: str
    state: Literal["provisional", "open", "passed", "rejected", "objected", "no_quorum", "tie", "withdrawn"]
    failed: str
    author: str
    author_name: str
    opened_ms: int
    deadline_ms: int
    closes_ms: int
    round: int
    rule: str
    counts: Tally
    mine: str | None


class BallotShown(TypedDict):
    """Whose ballot says what. through: who was given the vote; recorded_by: who wrote it down for them."""

    member: str
    name: str
    choice: str
    ranked: list[str]
    reason: str
    through: str | None
    recorded_by: str | None
    entry: str | None


class Spoken(TypedDict):
    """Words of somebody."""

    member: str
    name: str
    text: str


class DecisionDetail(TypedDict):
    """A proposal with who counts. result: what came out, or would come out now; recorded: ballots that others
    wrote down and that wait to be confirmed; missing: whose ballot is missing, by name; recounted: whether
    counting again from signed entries gives the same, None while open.
    """

    summary: DecisionSummary
    text: str
    body: Any
    result: str
    round: int
    ballots: list[BallotShown]
    recorded: list[BallotShown]
    missing: list[str]
    answers: list[Spoken]
    elected: list[str]
    recounted: bool | None
    faults: list[str]


class SaidOnBehalf(TypedDict):
    """An entry that holders of a mandate have signed. holds: enough of them have; signers are names."""

    entry: str
    act: str
    signers: list[str]
    holds: bool
    text: str


class MandateShown(TypedDict):
    """A mandate that was given and not taken back. holders: names, of whom `needed` sign together."""

    id: str
    name: str
    holders: list[str]
    needed: int
    acts: list[str]
    until_ms: int
    is_over: bool
    is_mine: bool
    said: list[SaidOnBehalf]


class BallotCodes(TypedDict):
    """A fresh sheet of one-time codes, shown once; the log holds their hashes."""

    entry: str
    group: str
    codes: list[str]


class ProofFile(TypedDict):
    """A proof as a file, in hexadecimal. entry: what it is about, or the group; height: the block under whose
    roots it shows something; peer_id: who showed it, none where this node made it.
    """

    entry: str
    height: int
    proof_hex: str
    peer_id: str | None


class Document(TypedDict):
    """A file's text, for the caller to write."""

    name: str
    text: str

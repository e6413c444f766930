"""What an entry says, in one plain sentence.

Names and words of people come from annexes; where one was removed, the sentence does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from p2pnode.commons_wording import commons_sentence
from p2pnode.consensus.format import CERTIFICATE_TYPE, PROPOSAL_TYPE, VOTE_TYPE, decode_proposal, decode_votes
from p2pnode.core.amount import amount_text
from p2pnode.core.entry import ACK_TYPE, Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import did_of
from p2pnode.economy.agreement import Terms
from p2pnode.economy.batch import Batch
from p2pnode.economy.claim import Claim
from p2pnode.economy.commons import Opening
from p2pnode.economy.contribution import Contribution
from p2pnode.economy.event import Event, NewResource
from p2pnode.economy.labels import label_of_unit
from p2pnode.economy.metering import Meter
from p2pnode.economy.things import Agent, Process, Spec
from p2pnode.economy_wording import economy_sentence
from p2pnode.governance.ballot import Ballot, Confirmation, Delegating
from p2pnode.governance.devices import DEVICE_OBJECT_TYPE, KEY_ROTATE_TYPE, Add, Revoke
from p2pnode.governance.joining import JOIN_TYPE
from p2pnode.governance.leaving import LEAVE_TYPE
from p2pnode.governance.mandate import Signing
from p2pnode.governance.proposal import WITHDRAW_TYPE, Answer, Proposal
from p2pnode.governance.recovering import Recover
from p2pnode.governance.sponsoring import SPONSOR_TYPE
from p2pnode.governance.voters import AWAY_TYPE, READY_TYPE, RETURN_TYPE, SUSPEND_TYPE, Suspend
from p2pnode.vocabulary import TYPES

_ID_CHARACTERS = 8

_BALLOTS = {
    "yes": "votes yes on",
    "no": "votes no on",
    "abstain": "abstains from",
    "object": "objects to",
    "ranked": "ranks the candidates of",
}


class Names(Protocol):
    """Who people are, as far as it is known here."""

    @property
    def group_name(self) -> str:
        """What people call the group."""
        ...

    def name_of(self, device_key: bytes) -> str:
        """The name of whoever a device speaks for, or nothing."""
        ...

    def member_name(self, member_id: bytes) -> str:
        """The name of a member, or the start of the id."""
        ...

    def thing_name(self, entry_id: bytes) -> str:
        """What an entry gave a name to, or the start of the id."""
        ...

    def annex(self, annex_hash: bytes, /) -> dict[str, Any] | None:
        """The content of an annex that is here."""
        ...


def sentence_of(entry: Entry, names: Names) -> str:
    """One plain sentence about what an entry says."""
    entry_type = TYPES.get(entry.header.type)
    if entry_type is None:
        return "of a type that this version does not know; it is kept and passed on"
    if entry.payload is None:
        return "its payload is not here"
    try:
        body = entry_type.decode(entry.payload)
        if isinstance(body, Batch):
            return _batch(body, names)
        by_type = _BY_TYPE.get(entry.header.type)
        return _of_body(body, names) or (by_type(entry, names) if by_type else entry.header.type)
    except FormatError as error:
        return f"cannot be read: {error}"


def _of_body(body: object, names: Names) -> str | None:
    """The sentence about a body that says by its shape what it is."""
    match body:
        case Contribution():
            return _contribution(body, names)
        case Claim():
            return _claim(body, names)
        case _ if type(body).__module__.startswith("p2pnode.economy."):
            return economy_sentence(body, names) or commons_sentence(body, names)
        case Proposal():
            return f"proposes: {_word(names, body.annex, 'title') or body.subject.replace('_', ' ')}"
        case Ballot():
            recorded = "" if body.member is None else f" for {names.member_name(body.member)}"
            reason = _word(names, body.annex, "text")
            said = f"{_BALLOTS[body.choice]} proposal {_short(body.proposal)}{recorded}"
            return f"{said}: {reason}" if reason else said
        case Delegating(to=None):
            return f"takes the vote back{_scope(body)}"
        case Delegating():
            return f"gives the vote to {names.member_name(body.to or b'')}{_scope(body)}"
        case Confirmation():
            return f"confirms the recorded ballot of {names.member_name(body.member)}"
        case Answer():
            return f"answers proposal {_short(body.proposal)}: {_word(names, body.annex, 'text')}"
        case Signing():
            return f"signs entry {_short(body.entry)} on behalf of the group: {body.act}"
        case Add():
            return f"adds the device {did_of(body.device)[-_ID_CHARACTERS:]}"
        case Revoke():
            return f"revokes the device {did_of(body.device)[-_ID_CHARACTERS:]}"
        case Recover():
            return f"replaces all devices of {names.member_name(body.member)} by this one"
        case Suspend():
            absent = ", ".join(names.member_name(member) for member in body.absent)
            return f"lets the vote of {absent} rest: no answer to the roll call"
    return None


def name_given(entry: Entry, names: Names) -> str:
    """The name that an entry gives to what it begins, or nothing."""
    entry_type = TYPES.get(entry.header.type)
    if entry_type is None or entry.payload is None:
        return ""
    try:
        body = entry_type.decode(entry.payload)
    except FormatError:
        return ""
    match body:
        case Event(creates=NewResource() as thing):
            return thing.name
        case Agent():
            return body.name or _word(names, body.annex, "name")
        case Meter() | Opening() | Process() | Spec() | Terms():
            return body.name
    return ""


def _batch(body: Batch, names: Names) -> str:
    """How many records a batch holds, and what the first says."""
    entry_type = TYPES.get(body.type)
    count = f"{len(body.payloads)} {'record' if len(body.payloads) == 1 else 'records'}"
    if entry_type is None:
        return f"{count} of a type that this version does not know"
    first = _of_body(entry_type.decode(body.payloads[0]), names) or body.type
    return f"{count}: {first}{'' if len(body.payloads) == 1 else '; ...'}"


def _scope(body: Delegating) -> str:
    if body.proposal is not None:
        return f" on proposal {_short(body.proposal)}"
    return "" if body.subject is None else f" on {body.subject}"


def _contribution(body: Contribution, names: Names) -> str:
    measures = [measure for measure in (body.effort_quantity, body.resource_quantity) if measure is not None]
    amounts = [f"{amount_text(m.amount)} {label_of_unit(m.unit)}".strip() for m in measures]
    words = [body.action, *amounts, body.resource_conforms_to]
    if body.in_scope_of != names.group_name:
        words.append(f"for {body.in_scope_of}")
    note = _word(names, body.annex, "note")
    return " ".join(words) + (f": {note}" if note else "")


def _claim(body: Claim, names: Names) -> str:
    text = f"commit {body.commit.hex()[:8]}, {body.files} files +{body.lines_added} -{body.lines_removed}"
    said = names.annex(body.annex)
    if said is None:
        return text
    first_line = (str(said.get("message", "")).splitlines() or [""])[0]
    return f"{text}, by {said.get('author', '')}: {first_line}"


def _votes(entry: Entry, _: Names) -> str:
    kinds = {"N": "notarizes", "S": "skips the view in", "F": "finalizes"}
    said = [f"{kinds[vote.kind]} height {vote.height}" for vote in decode_votes(entry.payload or b"")]
    return ", ".join(dict.fromkeys(said))


def _block(entry: Entry, _: Names) -> str:
    proposal = decode_proposal(entry.payload or b"")
    return f"proposes the block of height {proposal.height}"


def _by(verb: str) -> Callable[[Entry, Names], str]:
    return lambda entry, names: f"{names.name_of(entry.author) or 'a member'} {verb}"


_BY_TYPE: Mapping[str, Callable[[Entry, Names], str]] = {
    JOIN_TYPE: lambda entry, names: f"{names.name_of(entry.author) or 'a newcomer'} asks to join",
    LEAVE_TYPE: _by("leaves"),
    SPONSOR_TYPE: _by("speaks for a newcomer"),
    READY_TYPE: _by("is ready to vote on blocks"),
    AWAY_TYPE: _by("rests from voting on blocks"),
    RETURN_TYPE: _by("votes on blocks again"),
    SUSPEND_TYPE: _by("lets absent voters rest"),
    DEVICE_OBJECT_TYPE: _by("objects to a change of keys"),
    KEY_ROTATE_TYPE: _by("hands the vote on blocks to another device"),
    WITHDRAW_TYPE: lambda *_: "takes a proposal back",
    ACK_TYPE: lambda *_: "has seen what it names",
    VOTE_TYPE: _votes,
    PROPOSAL_TYPE: _block,
    CERTIFICATE_TYPE: _by("shows votes that others may not be able to read"),
}
"""Types whose payload alone does not say it in words."""


def _word(names: Names, annex: bytes | None, name: str) -> str:
    content = None if annex is None else names.annex(annex)
    text = "" if content is None else content.get(name, "")
    return text if isinstance(text, str) else ""


def _short(identifier: bytes) -> str:
    return identifier.hex()[:_ID_CHARACTERS]

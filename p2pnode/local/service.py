"""What a running node offers its user: the one interface behind the HTTP API. Types only, no behaviour.

Every value is ready for JSON. Ids of groups, entries and members are 64 hexadecimal digits, devices are
`did:key` texts, peers are libp2p peer ids, amounts are decimal texts (J3), times are ms since 1970. Where a
method takes `group`, it accepts the group's name when that is unique, or the start of its id. Where it takes
`peer`, it accepts a peer id, a did, or the end of one (at least six characters).

Errors: UsageError for what the user can mend (HTTP 4xx), Unreachable when a peer does not answer (504),
PeerError when it answers nonsense (502), StoreError when the disk or a database refuses (507).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from p2pnode.local.economy_calls import EconomyCalls
from p2pnode.local.exchange_calls import ExchangeCalls
from p2pnode.local.shapes import (
    Answer,
    Backup,
    BallotCodes,
    CharterDetail,
    ContributionBody,
    DecisionDetail,
    DecisionSummary,
    DeviceAnswer,
    DeviceInvitation,
    DeviceRow,
    Disk,
    Document,
    EntryDetail,
    Explanation,
    FounderOffer,
    FoundingDraft,
    FoundingTerms,
    GitClaim,
    GroupDetail,
    GroupSummary,
    Imported,
    Invited,
    Joined,
    Left,
    LogPage,
    MandateShown,
    MemberRow,
    PeerRow,
    Ping,
    ProofFile,
    Question,
    Status,
    Verification,
    Waiting,
    Written,
)
from p2pnode.local.signing_calls import SigningCalls
from p2pnode.local.skill_calls import SkillCalls


class Service(EconomyCalls, ExchangeCalls, SigningCalls, SkillCalls, Protocol):
    """One running node. The daemon implements it; the HTTP API calls it and nothing else."""

    async def status(self) -> Status: ...

    async def groups(self) -> list[GroupSummary]: ...

    async def group(self, group: str) -> GroupDetail: ...

    async def found_group(self, name: str, template: str, my_name: str, charter: str | None) -> GroupDetail:
        """Found a group from a template, or from a charter as TOML; my_name lives in an annex (J11)."""

    async def offer_founding(self, my_name: str) -> FounderOffer:
        """What a founder hands to whoever writes the terms."""

    async def draft_founding(
        self, name: str, template: str, my_name: str, charter: str | None, offers: Sequence[FounderOffer]
    ) -> FoundingDraft:
        """Terms of a group with several founders, signed by this one."""

    async def read_founding(self, draft: FoundingDraft) -> FoundingTerms:
        """What a founder is asked to sign."""

    async def sign_founding(self, draft: FoundingDraft) -> FoundingDraft:
        """The draft with this founder's signature."""

    async def open_founding(self, drafts: Sequence[FoundingDraft]) -> FoundingDraft:
        """Open the group once all have signed; drafts are copies of one that may hold different signatures.

        Whoever wrote the draft makes the founding entry out of it; the others need the draft with it.
        """

    async def charter(self, group: str) -> CharterDetail: ...

    async def waiting(self, group: str) -> Waiting:
        """What the next block of a group waits for."""

    async def convene(self, group: str) -> Waiting:
        """Agree to the second convocation that this node asks about."""

    async def sponsor(self, group: str, newcomer: str) -> Written:
        """Speak for a newcomer who waits for sponsors."""

    async def invite(self, group: str, uses: int, expires_ms: int) -> Invited:
        """Make an invitation; expires_ms is a time since 1970."""

    async def join(self, link: str, my_name: str) -> Joined:
        """Ask to join; returns when the standing is known, or after a bounded wait with what is missing."""

    async def members(self, group: str) -> list[MemberRow]: ...

    async def leave_group(self, group: str, delete: bool) -> Left:
        """Write member.leave, tell the peers that are connected, and delete the group's data where asked."""

    async def propose(self, group: str, subject: str, body: dict[str, Any], title: str, text: str) -> Written:
        """Put something to the group. The body has the fields of the subject; members, newcomers and
        mandates are named as people name them.
        """

    async def vote(
        self,
        group: str | None,
        proposal: str,
        choice: str,
        ranked: Sequence[str],
        reason: str,
        member: str | None,
    ) -> Written:
        """Cast a ballot, or record one for a member who then confirms it."""

    async def confirm_ballot(
        self, group: str | None, proposal: str, member: str | None, code: str | None
    ) -> Written:
        """Confirm the newest ballot that somebody recorded for a member."""

    async def publish_codes(self, group: str, count: int) -> BallotCodes:
        """Make one-time codes by which others confirm ballots that were recorded for this member."""

    async def mandates(self, group: str) -> list[MandateShown]: ...

    async def sign_mandate(self, group: str, mandate: str, entry: str, act: str | None) -> Written:
        """Sign that an entry is said on behalf of the group; act None: the only one of the mandate."""

    async def delegate(
        self, group: str | None, to: str | None, proposal: str | None, subject: str | None
    ) -> Written:
        """Give the vote to somebody, or take it back (to None)."""

    async def withdraw(self, group: str | None, proposal: str) -> Written: ...

    async def answer_proposal(self, group: str | None, proposal: str, text: str) -> Written:
        """Answer a proposal that is about oneself."""

    async def decisions(self, group: str) -> list[DecisionSummary]:
        """Open and closed proposals, the newest first."""

    async def decision(self, group: str | None, proposal: str) -> DecisionDetail: ...

    async def export_decisions(self, group: str, proposals: Sequence[str]) -> Document:
        """Closed decisions with everything that was counted, and with proofs; all of them without a list."""

    async def proof(self, entry: str, decision: bool, group: str | None, peer: str | None) -> ProofFile:
        """A proof of what became of an entry, or of the decision on a proposal; from a peer where one is
        named, and from members where this node lacks what it takes."""

    async def proof_final(self, group: str, height: int, peer: str | None) -> ProofFile:
        """The header and the certificate of a final block, 0 for the last one; from a peer if named."""

    async def proof_membership(self, group: str, peer: str | None) -> ProofFile:
        """What the last final state says of one's own member, or of this device where it was struck."""

    async def devices(self, group: str) -> list[DeviceRow]: ...

    async def invite_device(self, group: str, member: str | None) -> DeviceInvitation:
        """What a further device of a member needs to know, the own member's by default."""

    async def accept_device(self, invitation: DeviceInvitation) -> DeviceAnswer:
        """Open the group on this device and sign that it belongs to the member."""

    async def add_device(self, group: str, answer: str) -> Written: ...

    async def revoke_device(self, group: str, device: str, phrase: str | None) -> Written:
        """Strike a device of one's own: this one, or another after seven days, or at once by the phrase."""

    async def rotate_device(self, group: str, device: str) -> Written:
        """Hand the vote on blocks to another device of one's own."""

    async def recover(self, invitation: DeviceInvitation, phrase: str) -> Written:
        """Replace all devices of a member by this one, by the recovery phrase, unless an old one objects."""

    async def object_to_change(self, group: str) -> list[Written]:
        """Stop every change of one's own keys that waits for objections."""

    async def rest(self, group: str, lying_voters: int | None) -> Written:
        """Vote on no blocks for a while."""

    async def come_back(self, group: str) -> Written:
        """Vote on blocks again."""

    async def peers(self) -> list[PeerRow]: ...

    async def add_peer(self, address: str) -> PeerRow: ...

    async def remove_peer(self, peer: str) -> PeerRow: ...

    async def ping_peer(self, peer: str) -> Ping: ...

    async def block_peer(self, peer: str) -> PeerRow: ...

    async def unblock_peer(self, peer: str) -> PeerRow: ...

    async def contribute(self, group: str, body: ContributionBody, note: str) -> Written:
        """Record a contribution of this node's user; note is personal text and lives in an annex."""

    async def claims_known(self, group: str, root: str, commits: Sequence[str]) -> list[str]:
        """Those of the commits that the group holds a claim of already; root and commits are git's ids."""

    async def import_claims(self, group: str, root: str, claims: Sequence[GitClaim]) -> Imported:
        """Write claims of git commits (J27); returns when they are durable. At most 500 in one call."""

    async def log(
        self,
        group: str | None,
        author: str | None,
        lane: int | None,
        type_: str | None,
        limit: int,
        before: int | None,
        votes: bool,
    ) -> LogPage:
        """Entries, newest arrival first; votes says whether those on blocks are among them."""

    async def entry(self, entry: str) -> EntryDetail:
        """One entry by its id or the start of it."""

    async def verify(self, group: str | None) -> Verification:
        """Check every stored hash, chain and signature; progress goes out as events named verify."""

    async def query(self, peer: str, question: Question) -> Answer: ...

    async def why(self, word: str) -> Explanation:
        """Explain an entry, a group, a peer, a device or a rule id."""

    async def disk(self) -> Disk: ...

    async def backup(self, path: str) -> Backup:
        """Write a consistent copy of the home to an absolute path that does not exist yet."""

    def events(self) -> AsyncIterator[dict[str, Any]]:
        """What happens from now on, without end; the caller closes the iterator.

        The first one is `ready`: from then on nothing is missed unseen.

        Shapes: `event` is one of ready; heads (group, entries, added); group (group); peer (peer_id,
        connected); verify (group, done, total); notice (rule, message, remedy); resync (read all again).
        """

    async def shutdown(self) -> None:
        """Ask the node to stop; returns before it has."""

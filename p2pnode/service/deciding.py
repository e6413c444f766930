"""Deciding: proposals, ballots, delegations, and what became of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from p2pnode.consensus.rows import Rows
from p2pnode.core.annex import annex_hash
from p2pnode.core.errors import UsageError
from p2pnode.governance import ballot as ballots
from p2pnode.governance import tables
from p2pnode.governance.ballot import Ballot, Confirmation, Delegating
from p2pnode.governance.casting import void_rule_of_choice
from p2pnode.governance.decision import decisions as closed_decisions
from p2pnode.governance.proposal import (
    ANSWER_TYPE,
    OPEN_TYPE,
    WITHDRAW_TYPE,
    Answer,
    Proposal,
    course,
    electorate,
    encode_answer,
    encode_open,
    encode_withdraw,
    open_proposal,
    open_proposals,
)
from p2pnode.governance.subjects import concerned_by, void_rule_at_opening
from p2pnode.local import shapes
from p2pnode.local.naming import Named, choose, is_called
from p2pnode.port import HeldGroup
from p2pnode.service.decided import detail_of, summaries, title_of
from p2pnode.service.entries import EntriesService, written
from p2pnode.service.evidence import export_of
from p2pnode.service.naming_subjects import body_of
from p2pnode.service.rules import refusal
from p2pnode.service.sharing import void_rule_of_yes
from p2pnode.service.viewing import GroupView

_NEEDS_A_CAUSE = ("remove", "suspend")
"""What is decided against somebody is said with its cause: there is nothing else to answer."""


class _Found(NamedTuple):
    """A proposal and the group it belongs to."""

    held: HeldGroup
    proposal: bytes


class DecidingService(EntriesService):
    """The part of the service about decisions."""

    async def propose(
        self, group: str, subject: str, body: dict[str, Any], title: str, text: str
    ) -> shapes.Written:
        held = self.context.held(group)
        annex = self.context.annex(title=title, text=text) if title or text else None

        def prepare(view: GroupView) -> bytes:
            member_id, _ = view.me
            if not tables.is_in_good_standing(view.rows, member_id):
                raise refusal("proposal.no_member")
            named = body_of(view, subject, body)
            rule = void_rule_at_opening(view.rows, tables.charter(view.rows), subject, named)
            if rule is not None:
                raise refusal(rule)
            if subject in _NEEDS_A_CAUSE and not text:
                raise refusal("proposal.no_cause")
            return encode_open(Proposal(subject, named, None if annex is None else annex_hash(annex)))

        payload = await self.context.view(held, prepare, with_facts=subject in ("commons", "dispute"))
        return await self.write(held, OPEN_TYPE, payload, annex)

    async def vote(
        self,
        group: str | None,
        proposal: str,
        choice: str,
        ranked: Sequence[str],
        reason: str,
        member: str | None,
    ) -> shapes.Written:
        found = await self._find_proposal(group, proposal)
        annex = self.context.annex(text=reason) if reason else None

        def prepare(view: GroupView) -> bytes:
            cast = Ballot(
                found.proposal,
                choice,
                tuple(view.member(word) for word in ranked),
                None if annex is None else annex_hash(annex),
                None if member is None else view.member(member),
            )
            rule = _void_rule_of_ballot(view, cast)
            if rule is not None:
                raise _of_oneself(view, cast) or refusal(rule)
            return ballots.encode_cast(cast)

        payload = await self.context.view(found.held, prepare)
        return await self.write(found.held, ballots.CAST_TYPE, payload, annex)

    async def confirm_ballot(
        self, group: str | None, proposal: str, member: str | None, code: str | None
    ) -> shapes.Written:
        found = await self._find_proposal(group, proposal)
        secret = None if code is None else _code(code)

        def prepare(view: GroupView) -> bytes:
            member_id = view.me[0] if member is None else view.member(member)
            recorded = [
                row
                for key, row in ballots.recorded(view.rows, found.proposal)
                if key.startswith(member_id) and row.confirmed_by is None
            ]
            if not recorded:
                raise refusal("ballot.nothing_to_confirm")
            if member_id != view.me[0] and secret is None:
                raise refusal("ballot.needs_code")
            newest = max(recorded, key=lambda row: (row.time_ms, row.entry))
            return ballots.encode_confirm(Confirmation(found.proposal, member_id, newest.entry, secret))

        payload = await self.context.view(found.held, prepare)
        return await self.write(found.held, ballots.CONFIRM_TYPE, payload)

    async def publish_codes(self, group: str, count: int) -> shapes.BallotCodes:
        held = self.context.held(group)
        member_id = await self.context.view(held, lambda view: view.me[0])
        codes = [os.urandom(ballots.CODE_BYTES) for _ in range(count)]
        hashes = tuple(sorted(ballots.code_hash(member_id, code) for code in codes))
        entry = await self.context.say(held, ballots.CODES_TYPE, ballots.encode_codes(hashes))
        return shapes.BallotCodes(
            entry=entry.id.hex(), group=held.group.hex(), codes=[_code_text(code) for code in codes]
        )

    async def delegate(
        self, group: str | None, to: str | None, proposal: str | None, subject: str | None
    ) -> shapes.Written:
        if proposal is not None:
            found = await self._find_proposal(group, proposal)
        else:
            found = _Found(self.context.held(group or ""), b"")

        def prepare(view: GroupView) -> bytes:
            whom = None if to is None else view.member(to)
            if whom == view.me[0]:
                raise refusal("ballot.to_oneself")
            if subject is not None and not tables.charter(view.rows).has_rule(subject):
                raise refusal("ballot.unknown_subject")
            if found.proposal:
                rule = _void_rule_of_place(view, found.proposal, view.me[0])
                if rule is not None:
                    raise refusal(rule)
            return ballots.encode_delegate(Delegating(whom, found.proposal or None, subject))

        payload = await self.context.view(found.held, prepare)
        return await self.write(found.held, ballots.DELEGATE_TYPE, payload)

    async def withdraw(self, group: str | None, proposal: str) -> shapes.Written:
        found = await self._find_proposal(group, proposal)

        def prepare(view: GroupView) -> bytes:
            row = open_proposal(view.rows, found.proposal)
            if row is None:
                raise refusal("withdraw.no_proposal")
            if row.author != view.me[0]:
                raise refusal("withdraw.not_the_author")
            return encode_withdraw(found.proposal)

        return await self.write(found.held, WITHDRAW_TYPE, await self.context.view(found.held, prepare))

    async def answer_proposal(self, group: str | None, proposal: str, text: str) -> shapes.Written:
        found = await self._find_proposal(group, proposal)
        annex = self.context.annex(text=text)

        def prepare(view: GroupView) -> bytes:
            row = open_proposal(view.rows, found.proposal)
            if row is None:
                raise refusal("answer.no_proposal")
            if concerned_by(row.subject, row.body) != view.me[0]:
                raise refusal("answer.not_concerned")
            return encode_answer(Answer(found.proposal, annex_hash(annex)))

        payload = await self.context.view(found.held, prepare)
        return await self.write(found.held, ANSWER_TYPE, payload, annex)

    async def decisions(self, group: str) -> list[shapes.DecisionSummary]:
        return await self.context.view(self.context.held(group), summaries)

    async def decision(self, group: str | None, proposal: str) -> shapes.DecisionDetail:
        found = await self._find_proposal(group, proposal)
        return await self.context.view(found.held, lambda view: detail_of(view, found.proposal))

    async def export_decisions(self, group: str, proposals: Sequence[str]) -> shapes.Document:
        held = self.context.held(group)
        wanted = [(await self._find_proposal(group, word)).proposal for word in proposals]
        text = await self.context.view(held, lambda view: export_of(view, held.name, wanted))
        return shapes.Document(name=held.name, text=text)

    async def _find_proposal(self, group: str | None, word: str) -> _Found:
        """The proposal that a person means, in one group or in any. Errors: UsageError proposal.*.

        Shapes: of several of one title, the one that is open is meant.
        """
        helds = [self.context.held(group)] if group else list(self.context.port.groups().values())
        places: dict[str, HeldGroup] = {}
        candidates: list[Named] = []
        opened: list[str] = []
        for held in helds:
            for named, is_open in await self.context.view(held, _known):
                places[named.id] = held
                candidates.append(named)
                opened += [named.id] if is_open and is_called(named, word) else []
        meant = opened[0] if len(opened) == 1 else word
        chosen = choose("proposal", meant, candidates, where="p2pnode decisions")
        return _Found(places[chosen], bytes.fromhex(chosen))

    async def write(
        self, held: HeldGroup, type_: str, payload: bytes, annex: bytes | None = None
    ) -> shapes.Written:
        return written(await self.context.say(held, type_, payload, annex))


def _known(view: GroupView) -> list[tuple[Named, bool]]:
    """All proposals of a group with their titles, and whether they are open."""
    opened = list(open_proposals(view.rows))
    ids = [*opened, *(proposal_id for proposal_id, _ in closed_decisions(view.final))]
    return [
        (Named(proposal_id.hex(), title_of(view, proposal_id)), proposal_id in opened)
        for proposal_id in dict.fromkeys(ids)
    ]


def _void_rule_of_ballot(view: GroupView, cast: Ballot) -> str | None:
    """Why a ballot would not count, or None."""
    row = open_proposal(view.rows, cast.proposal)
    if row is None:
        return "ballot.no_open_proposal"
    voter = view.me[0] if cast.member is None else cast.member
    if cast.member == view.me[0]:
        return "ballot.recorded_for_oneself"
    if cast.choice == ballots.OBJECT and cast.annex is None:
        return "ballot.needs_reason"
    rule = _void_rule_of_place(view, cast.proposal, voter)
    if rule is None and cast.choice == ballots.YES:
        rule = void_rule_of_yes(view, cast.proposal)
    return rule or void_rule_of_choice(row.rule, row.subject, row.body, cast)


def _void_rule_of_place(view: GroupView, proposal_id: bytes, voter: bytes) -> str | None:
    """Why somebody has no vote on a proposal now, or None."""
    rows: Rows = view.rows
    row = open_proposal(rows, proposal_id)
    if row is None:
        return "ballot.no_open_proposal"
    if voter not in electorate(rows, row.electorate):
        return "ballot.not_entitled"
    return "ballot.late" if view.now_ms > course(rows, proposal_id).deadline_ms else None


def _of_oneself(view: GroupView, cast: Ballot) -> UsageError | None:
    """What to say to whom a proposal is about, who is heard instead of voting."""
    row = open_proposal(view.rows, cast.proposal)
    if row is None or cast.member is not None or concerned_by(row.subject, row.body) != view.me[0]:
        return None
    return UsageError(
        "ballot.not_entitled",
        "this proposal is about you: the others vote, and you are heard",
        f'p2pnode propose answer {cast.proposal.hex()[:8]} "what you have to say"',
    )


def _code_text(code: bytes) -> str:
    """A code as it stands on paper, in groups of four digits."""
    digits = code.hex()
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _code(text: str) -> bytes:
    try:
        code = bytes.fromhex(text.replace("-", "").replace(" ", ""))
    except ValueError:
        code = b""
    if len(code) != ballots.CODE_BYTES:
        raise UsageError(
            "ballot.wrong_code", "a code has 32 hexadecimal digits", "type it as it stands on the paper"
        )
    return code

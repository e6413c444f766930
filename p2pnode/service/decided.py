"""Proposals and decisions as rows for a reader: what they are about, who counted, and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.exporters.statement import rule_in_words
from p2pnode.exporters.subject_words import about_in_words
from p2pnode.governance.ballot import BallotRow, recorded
from p2pnode.governance.charter import Charter
from p2pnode.governance.deciding import Vote, vote
from p2pnode.governance.decision import DecisionRow, decision, decisions
from p2pnode.governance.decision_rule import DEFAULT_RULES, HOUR_MS, SUBJECTS, rule_of_row
from p2pnode.governance.proposal import Proposal, decode_answer, decode_open, open_proposal, open_proposals
from p2pnode.governance.recount import recount
from p2pnode.governance.tally import Count
from p2pnode.local.shapes import BallotShown, DecisionDetail, DecisionSummary, Spoken, SubjectRule, Tally
from p2pnode.plain import plain
from p2pnode.service.economy_open import open_with
from p2pnode.service.evidence import evidence_of
from p2pnode.service.viewing import GroupView


def rules_in_words(charter: Charter) -> list[SubjectRule]:
    """How a charter decides on each subject that it or this version has a rule for."""
    subjects = sorted({*charter.setting("decisions"), *DEFAULT_RULES, *SUBJECTS})
    rules = [(subject, charter.rule(subject)) for subject in subjects]
    return [
        SubjectRule(
            subject=subject,
            rule=rule_in_words(rule, subject),
            window_hours=rule.window_hours,
            grace_hours=rule.grace_hours,
            early=rule.early,
        )
        for subject, rule in rules
    ]


def title_of(view: GroupView, proposal_id: bytes) -> str:
    """The title that the author gave, or nothing."""
    row = open_proposal(view.rows, proposal_id) or decision(view.final, proposal_id)
    return "" if row is None else view.text(row.annex, "title")


def summaries(view: GroupView) -> list[DecisionSummary]:
    """All proposals of a group, the newest first."""
    found = [_of_open(view, proposal_id) for proposal_id in open_proposals(view.rows)]
    found += [
        _of_closed(view, proposal_id, row)
        for proposal_id, row in decisions(view.final)
        if open_proposal(view.rows, proposal_id) is None
    ]
    return sorted(found, key=lambda summary: (-summary["opened_ms"], summary["id"]))


def detail_of(view: GroupView, proposal_id: bytes) -> DecisionDetail:
    """One proposal with everything that a member wants to know of it."""
    held = vote(view.rows, proposal_id)
    if held is not None:
        return _open_detail(view, proposal_id, held)
    row = decision(view.final, proposal_id)
    assert row is not None
    return _closed_detail(view, proposal_id, row)


def _of_open(view: GroupView, proposal_id: bytes) -> DecisionSummary:
    held = vote(view.rows, proposal_id)
    assert held is not None
    row, counted = held.row, held.count
    about = about_in_words(Proposal(row.subject, row.body, row.annex), view.name)
    own = _own_member(view)
    deadline_ms = held.course.deadline_ms
    return DecisionSummary(
        id=proposal_id.hex(),
        group=view.group.hex(),
        subject=row.subject,
        title=view.text(row.annex, "title") or about,
        about=about,
        state="provisional" if open_proposal(view.final, proposal_id) is None else "open",
        failed="",
        author=row.author.hex(),
        author_name=view.name(row.author),
        opened_ms=row.opened_ms,
        deadline_ms=deadline_ms,
        closes_ms=deadline_ms + row.rule.grace_hours * HOUR_MS,
        round=held.course.round,
        rule=rule_in_words(held.rule, row.subject),
        counts=_tally(counted),
        mine=held.own[own].choice if own in held.own else None,
    )


def _of_closed(view: GroupView, proposal_id: bytes, row: DecisionRow) -> DecisionSummary:
    proposal = _proposal(view, proposal_id)
    about = row.subject if proposal is None else about_in_words(proposal, view.name)
    took_part = row.yes + row.no + row.abstain + row.object + row.ranked
    return DecisionSummary(
        id=proposal_id.hex(),
        group=view.group.hex(),
        subject=row.subject,
        title=view.text(row.annex, "title") or about,
        about=about,
        state=row.result,  # type: ignore[typeddict-item]
        failed=row.rule,
        author=row.author.hex(),
        author_name=view.name(row.author),
        opened_ms=row.opened_ms,
        deadline_ms=row.deadline_ms,
        closes_ms=row.closed_ms,
        round=row.round,
        rule=rule_in_words(rule_of_row(row.decided_by), row.subject),
        counts=Tally(
            yes=row.yes,
            no=row.no,
            abstain=row.abstain,
            object=row.object,
            ranked=row.ranked,
            took_part=took_part,
            voters=row.voters,
        ),
        mine=None,
    )


def _open_detail(view: GroupView, proposal_id: bytes, held: Vote) -> DecisionDetail:
    counted = held.count
    through = dict(counted.through)
    called = _called(view, held.electorate)
    entries = [view.describer.entry_of(answer) for answer in held.course.answers]
    return DecisionDetail(
        summary=_of_open(view, proposal_id),
        text=_words(view, held.row.annex, held.row.subject, held.row.body)
        + _settled_by(view, held.row.subject, held.row.body),
        body=plain(held.row.body),
        result=counted.result,
        round=held.course.round,
        ballots=_ballots(view, counted, held.own, called),
        recorded=list(_unconfirmed(view, proposal_id, held.own)),
        missing=[name for member, name in called.items() if member not in through],
        answers=_answers(view, [entry for entry in entries if entry is not None]),
        elected=_elected(view, counted),
        recounted=None,
        faults=[],
    )


def _settled_by(view: GroupView, subject: str, body: Value) -> str:
    """What a removal would end besides the membership."""
    lines = open_with(view, body["member"]) if subject == "remove" else []
    return "\n".join(["", "With this would end, and be owed no more:", *lines]) if lines else ""


def _closed_detail(view: GroupView, proposal_id: bytes, row: DecisionRow) -> DecisionDetail:
    evidence = evidence_of(view, proposal_id, row)
    again = recount(evidence)
    proposal = _proposal(view, proposal_id)
    body = None if proposal is None else proposal.body
    through = {} if again.count is None else dict(again.count.through)
    called = _called(view, evidence.electorate)
    answers = [entry for entry in evidence.entries if entry.id in row.answers]
    return DecisionDetail(
        summary=_of_closed(view, proposal_id, row),
        text=_words(view, row.annex, row.subject, body),
        body=plain(body),
        result=row.result,
        round=row.round,
        ballots=[] if again.count is None else _ballots(view, again.count, again.own, called),
        recorded=[],
        missing=[name for member, name in called.items() if member not in through],
        answers=_answers(view, answers),
        elected=view.names(row.elected),
        recounted=again.agrees,
        faults=[f"{rule} {what}" for rule, what in again.faults],
    )


def _own_member(view: GroupView) -> bytes:
    """The member of this device, or nothing where it is none."""
    member = view.describer.member_of(view.own_key)
    return b"" if member is None else bytes(member)


def _proposal(view: GroupView, proposal_id: bytes) -> Proposal | None:
    entry = view.describer.entry_of(proposal_id)
    try:
        return None if entry is None or entry.payload is None else decode_open(entry.payload)
    except FormatError:
        return None


def _tally(counted: Count) -> Tally:
    return Tally(
        yes=counted.yes,
        no=counted.no,
        abstain=counted.abstain,
        object=counted.object,
        ranked=counted.ranked,
        took_part=counted.took_part,
        voters=counted.electorate,
    )


def _elected(view: GroupView, counted: Count) -> list[str]:
    return [] if counted.elected is None else view.names(counted.elected.members)


def _called(view: GroupView, electorate: Sequence[bytes]) -> dict[bytes, str]:
    """What those who may vote are called, each as nobody else among them."""
    return dict(zip(electorate, view.names(electorate), strict=True))


def _ballots(
    view: GroupView, counted: Count, own: Mapping[bytes, BallotRow], called: Mapping[bytes, str]
) -> list[BallotShown]:
    return [
        _ballot(view, member, own[speaker], None if speaker == member else speaker, called)
        for member, speaker in counted.through
        if speaker in own
    ]


def _unconfirmed(
    view: GroupView, proposal_id: bytes, own: Mapping[bytes, BallotRow]
) -> Iterator[BallotShown]:
    """The newest ballot of each member that somebody recorded and nobody has confirmed."""
    newest: dict[bytes, BallotRow] = {}
    for key, row in recorded(view.rows, proposal_id):
        member = key[:HASH_BYTES]
        before = newest.get(member)
        is_newer = before is None or (before.time_ms, before.entry) < (row.time_ms, row.entry)
        if row.confirmed_by is None and member not in own and is_newer:
            newest[member] = row
    return (_ballot(view, member, row, None, {}) for member, row in newest.items())


def _ballot(
    view: GroupView, member: bytes, row: BallotRow, speaker: bytes | None, called: Mapping[bytes, str]
) -> BallotShown:
    return BallotShown(
        member=member.hex(),
        name=called.get(member) or view.name(member),
        choice=row.choice,
        ranked=view.names(row.ranked),
        reason=view.text(row.annex, "text"),
        through=None if speaker is None else view.name(speaker),
        recorded_by=None if row.recorder is None else view.name(row.recorder),
        entry=row.entry.hex(),
    )


def _answers(view: GroupView, entries: list[Entry]) -> list[Spoken]:
    shown: list[Spoken] = []
    for entry in entries:
        member = view.describer.member_of(entry.author) or b""
        text = view.text(decode_answer(entry.payload or b"").annex, "text")
        shown.append(Spoken(member=member.hex(), name=view.name(member), text=text))
    return shown


def _words(view: GroupView, annex: bytes | None, subject: str, body: object) -> str:
    adopted = body.get("text", "") if subject == "text" and isinstance(body, dict) else ""
    return "\n\n".join(text for text in (view.text(annex, "text"), adopted) if text)

"""The statement of decisions for a meeting: what was proposed, who could vote, what came out, in plain words.

It is made from an export alone and says of each decision whether it was counted again and proven. Names and
words come from annexes; where one was removed, the statement says so. How it looks stands in
`statement_html.py` and `statement_pdf.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from p2pnode.core import codec
from p2pnode.core.annex import annex_hash, decode_annex
from p2pnode.core.codec import Value
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.exporters.decisions_export import Checked, Export, ExportedDecision, recompute
from p2pnode.exporters.subject_words import about_in_words
from p2pnode.governance.ballot import OBJECT, BallotRow
from p2pnode.governance.decision import DecisionRow
from p2pnode.governance.decision_rule import CONSENT, SUPERMAJORITY, DecisionRule, rule_of_row
from p2pnode.governance.inception import inception_of_value
from p2pnode.governance.proposal import Proposal, decode_answer, decode_open
from p2pnode.governance.subjects import ELECTION

REMOVED = "(these words were removed or are not here)"
_RESULTS = {
    "passed": "Passed",
    "rejected": "Rejected",
    "objected": "Not passed: there are objections",
    "no_quorum": "Not passed: too few took part",
    "tie": "Not decided: as many for as against",
    "withdrawn": "Withdrawn by whoever proposed it",
}
_PROOFS = {
    "ordinary": "The group's voters have certified this result.",
    "convoked": "The group's voters have certified this result in a second convocation, with fewer of them.",
    "absent": "No certificate comes with this result.",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One decision, in words.

    Shapes: figures are pairs of a label and a number; reasons and answers are pairs of a name and words;
    is_sound is False when the count or a proof fails.
    """

    title: str
    about: str
    text: str
    result: str
    rule: str
    figures: tuple[tuple[str, int], ...]
    elected: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]
    check: str
    is_sound: bool
    reference: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that is printed. Units: made_ms in ms since 1970."""

    group: str
    group_id: str
    made_ms: int
    items: tuple[Item, ...]

    @property
    def title(self) -> str:
        """The heading."""
        return f"Decisions of {self.group}"

    @property
    def made(self) -> str:
        """When it was made, in words."""
        return day_and_time(self.made_ms)


def statement_of(export: Export, made_ms: int, trusted: bytes | None = None) -> Statement:
    """The statement of an export, decisions in the order in which they were closed.

    Shapes: trusted as `decisions_export.recompute` takes it.
    """
    pairs = zip(export.decisions, recompute(export, trusted), strict=True)
    ordered = sorted(pairs, key=lambda pair: (pair[0].evidence.row.closed_ms, pair[0].proposal_id))
    items = tuple(_Words(exported).item(checked) for exported, checked in ordered)
    return Statement(export.name, export.group.hex(), made_ms, items)


def day_and_time(time_ms: int) -> str:
    """A time for people, in universal time."""
    try:
        return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    except (OverflowError, ValueError, OSError):
        return "at an impossible time"


class _Words:
    """The words of one decision."""

    def __init__(self, exported: ExportedDecision) -> None:
        self._evidence = exported.evidence
        self._annexes = {annex_hash(annex): annex for annex in exported.annexes}
        self._names: dict[bytes, str] = {}
        self._members: dict[bytes, bytes] = {}
        for person in self._evidence.people:
            member = sha256(person.inception)
            self._members.update(dict.fromkeys(person.devices, member))
            try:
                annex = inception_of_value(codec.decode(person.inception)).annex
            except FormatError:
                annex = None
            name = self._word(annex, "name")
            if name is not None:
                self._names[member] = name

    def item(self, checked: Checked) -> Item:
        """The decision as it is printed."""
        row = self._evidence.row
        proposal = self._proposal()
        about = "A proposal that cannot be read" if proposal is None else self._about(proposal)
        return Item(
            title=self._word(row.annex, "title") or about,
            about=about,
            text=self._text(row, proposal),
            result=_result(row),
            rule=rule_in_words(rule_of_row(row.decided_by), row.subject),
            figures=_figures(row, checked.recount.own),
            elected=tuple(self._name(member) for member in row.elected),
            reasons=tuple(self._reasons(checked.recount.own)),
            answers=tuple(self._answers()),
            times=_times(row),
            check=_check(checked),
            is_sound=checked.holds,
            reference=self._evidence.proposal.id.hex(),
        )

    def _proposal(self) -> Proposal | None:
        try:
            return decode_open(self._evidence.proposal.payload or b"")
        except FormatError:
            return None

    def _word(self, annex: bytes | None, name: str) -> str | None:
        """One text of an annex that is here."""
        if annex is None or annex not in self._annexes:
            return None
        try:
            text = decode_annex(self._annexes[annex]).get(name)
        except FormatError:
            return None
        return text if isinstance(text, str) and text.strip() else None

    def _text(self, row: DecisionRow, proposal: Proposal | None) -> str:
        written = self._word(row.annex, "text")
        adopted = proposal.body.get("text") if proposal is not None and proposal.subject == "text" else None
        if written is None and row.annex is not None and row.annex not in self._annexes:
            written = REMOVED
        return "\n\n".join(text for text in (written, adopted) if isinstance(text, str))

    def _name(self, member: bytes) -> str:
        return self._names.get(member, f"member {member.hex()[:8]}")

    def _about(self, proposal: Proposal) -> str:
        return about_in_words(proposal, self._name)

    def _reasons(self, ballots: Mapping[bytes, BallotRow]) -> Iterator[tuple[str, str]]:
        """The objections among the ballots that counted."""
        for voter in sorted(ballots):
            if ballots[voter].choice == OBJECT:
                yield self._name(voter), self._word(ballots[voter].annex, "text") or REMOVED

    def _answers(self) -> Iterator[tuple[str, str]]:
        by_id: Mapping[bytes, Value] = {entry.id: entry for entry in self._evidence.entries}
        for entry_id in self._evidence.row.answers:
            entry = by_id.get(entry_id)
            if entry is None or entry.author not in self._members:
                continue
            try:
                answer = decode_answer(entry.payload or b"")
            except FormatError:
                continue
            yield self._name(self._members[entry.author]), self._word(answer.annex, "text") or REMOVED


def _result(row: DecisionRow) -> str:
    words = _RESULTS[row.result]
    return f"{words}, but it could not be carried out ({row.rule})" if row.rule else words


def _figures(row: DecisionRow, ballots: Mapping[bytes, BallotRow]) -> tuple[tuple[str, int], ...]:
    took_part = row.yes + row.no + row.abstain + row.object + row.ranked
    if row.subject == ELECTION:
        counts = [("Ranked ballots", row.ranked), ("Abstentions", row.abstain)]
    else:
        counts = [("Yes", row.yes), ("No", row.no), ("Abstentions", row.abstain), ("Objections", row.object)]
    recorded = sum(ballot.recorder is not None for ballot in ballots.values())
    if recorded:
        counts.append(("Of these written down by another member and confirmed", recorded))
    return (*counts, ("Took part", took_part), ("Could vote", row.voters))


def _times(row: DecisionRow) -> tuple[tuple[str, str], ...]:
    times = [
        ("Opened", day_and_time(row.opened_ms)),
        ("Ballots until", day_and_time(row.deadline_ms)),
        ("Counted", day_and_time(row.closed_ms)),
    ]
    if row.round > 1:
        times.append(("Windows of voting", f"{row.round}, because of ties"))
    return tuple(times)


def _check(checked: Checked) -> str:
    if checked.recount.agrees:
        counted = "Counted again from the signed ballots: the figures agree."
    else:
        faults = ", ".join(sorted({rule for rule, _ in checked.recount.faults}))
        counted = f"Counting again does not give these figures: {faults}."
    proof = _PROOFS.get(checked.proof, f"The certificate does not hold: {checked.proof}.")
    return f"{counted} {proof}"


def rule_in_words(rule: DecisionRule, subject: str) -> str:
    """How a decision had to be taken, in a sentence."""
    if subject == ELECTION:
        needed = "elected by ranked ballots (single transferable vote)"
    elif rule.rule == CONSENT:
        needed = "passes if nobody objects with a reason"
    elif rule.rule == SUPERMAJORITY:
        needed = f"needs {rule.share[0]}/{rule.share[1]} of yes among yes and no"
    else:
        needed = "needs more yes than no"
    if rule.quorum[0] == 0:
        return f"{needed}; no quorum"
    return f"{needed}; at least {rule.quorum[0]}/{rule.quorum[1]} of those who could vote take part"

"""What an entry about giving or taking says, in one plain sentence."""

from __future__ import annotations

from typing import Any, Protocol

from p2pnode.economy.agreement import GIFT, Answer, Clause, Reduction, Terms
from p2pnode.economy.agreement import Reference as AgreementReference
from p2pnode.economy.event import Event
from p2pnode.economy.form import Kind
from p2pnode.economy.importing import Import
from p2pnode.economy.judging import Attestation
from p2pnode.economy.labels import label_of_unit, measure_text
from p2pnode.economy.loop import Answer as LoopAnswer
from p2pnode.economy.loop import Loop
from p2pnode.economy.measure import Measure
from p2pnode.economy.metering import Close, Meter, Reading
from p2pnode.economy.promising import Claim, Commitment, Intent
from p2pnode.economy.recording import Countersignature
from p2pnode.economy.things import Agent, Finish, Process, Spec

_ID_CHARACTERS = 8
_AMOUNTS_MAX = 4


class Names(Protocol):
    """Who people are, as far as it is known here."""

    def member_name(self, member_id: bytes) -> str:
        """The name of a member, or the start of the id."""
        ...

    def thing_name(self, entry_id: bytes) -> str:
        """What an entry gave a name to, or the start of the id."""
        ...

    def annex(self, annex_hash: bytes, /) -> dict[str, Any] | None:
        """The content of an annex that is here."""
        ...


def economy_sentence(body: object, names: Names) -> str | None:
    """The sentence about a body, or None where its type alone says it."""
    match body:
        case Event():
            corrected = "" if body.corrects is None else f", correcting {_short(body.corrects)}"
            return _flow(body, names) + corrected + _note(body.annex, names)
        case Countersignature():
            return f"{'signs' if body.agrees else 'declines'} event {_short(body.event)}"
        case Attestation():
            competence = "" if body.competence is None else f" by competence in {body.competence}"
            return f"{body.verdict}s {_short(body.event)}{competence}" + _note(body.annex, names)
        case Intent():
            wanted = "" if body.reciprocal is None else f", hoping for {body.reciprocal}"
            said = "offers" if body.purpose == "offer" else "needs"
            return f"{said}: {_planned(body, names)}{wanted}" + _note(body.annex, names)
        case Commitment():
            return f"promises: {_planned(body, names)}{_between(body, names)}" + _note(body.annex, names)
        case Claim():
            whom = names.member_name(body.provider)
            return f"asks {whom} for {_planned(body, names)}" + _note(body.annex, names)
        case Agent():
            name = body.name or _word(body.annex, "name", names) or "a person"
            return f"describes {name}, outside the group"
        case Spec():
            return f"defines what {body.name} is"
        case Process():
            return f"begins {body.name}" + _note(body.annex, names)
        case Finish():
            return f"ends the process {names.thing_name(body.process)}"
    return _agreed_sentence(body, names)


def _agreed_sentence(body: object, names: Names) -> str | None:
    """The sentence about an agreement or a loop, and about what is said of one."""
    match body:
        case Terms():
            kind = "a gift" if body.mode == GIFT else "an agreement"
            clauses = "; ".join(_clause(clause, names) for clause in body.clauses[:3])
            more = "; ..." if len(body.clauses) > 3 else ""
            return f"proposes {kind}, {body.name}: {clauses}{more}"
        case Answer():
            said = "accepts" if body.accepts else "declines"
            return f"{said} the agreement {names.thing_name(body.agreement)}" + _note(body.annex, names)
        case Reduction():
            left = measure_text(body.quantity)
            agreement = names.thing_name(body.agreement)
            return f"leaves {left} of clause {body.clause + 1} of {agreement}" + _note(body.annex, names)
        case AgreementReference():
            return f"ends the agreement {names.thing_name(body.agreement)}" + _note(body.annex, names)
        case Loop():
            amounts = [measure_text(Measure(item.amount, body.unit)) for item in body.items[:_AMOUNTS_MAX]]
            more = ", ..." if len(body.items) > _AMOUNTS_MAX else ""
            parts = f"{', '.join(amounts)}{more} of {len(body.items)} promises"
            return f"proposes a loop that sets off {parts}" + _note(body.annex, names)
        case LoopAnswer():
            return f"{'accepts' if body.accepts else 'declines'} the loop {_short(body.loop)}" + _note(
                body.annex, names
            )
    return _brought_in(body, names)


def _brought_in(body: object, names: Names) -> str | None:
    """The sentence about what comes from sheets and meters."""
    match body:
        case Import():
            return _flow(body.event, names) + ", brought in" + _note(body.event.annex, names)
        case Meter():
            to = "" if body.receiver is None else " for the group"
            return (
                f"installs the meter {body.name}: what is {body.action}d{to}, in {label_of_unit(body.unit)}"
            )
        case Reading():
            return f"reads {len(body.readings)} intervals of the meter {names.thing_name(body.meter)}"
        case Close():
            return f"closes the meter {names.thing_name(body.meter)}"
    return None


def _flow(body: Event, names: Names) -> str:
    thing = body.resource_inventoried_as
    word = "on" if body.action == "work" else "of"
    which = "" if thing is None or body.resource_conforms_to else f" {word} {names.thing_name(thing)}"
    return f"{body.action} {_what(body, names)}{which}{_between(body, names)}"


def _between(body: Event | Commitment, names: Names) -> str:
    provider = "" if body.provider is None else f" from {names.member_name(body.provider)}"
    receiver = "" if body.receiver is None else f" to {names.member_name(body.receiver)}"
    return provider + receiver


def _clause(clause: Clause, names: Names) -> str:
    times = "" if clause.times is None else f", {clause.times} times"
    provider, receiver = names.member_name(clause.provider), names.member_name(clause.receiver)
    return f"{provider} gives {receiver} {_planned(clause, names)}{times}"


def _planned(body: Commitment | Intent | Claim | Clause, names: Names) -> str:
    """So much of what; the usual actions, to give and to work, need no word."""
    action = "" if body.action in ("transfer", "work") else f"{body.action} "
    return action + _what(body, names)


def _what(body: Event | Commitment | Intent | Claim | Clause, names: Names) -> str:
    measures: tuple[Measure | None, ...] = (body.effort_quantity, body.resource_quantity)
    amounts = [measure_text(measure) for measure in measures if measure is not None]
    # Intents, claims and clauses say nothing of lessons.
    lesson = body.lesson if isinstance(body, Event) and body.lesson else ""
    words = " ".join([*amounts, *_kind(body.resource_conforms_to, names)])
    return f"{words}, {lesson}" if lesson else words


def _kind(kind: Kind | None, names: Names) -> tuple[str, ...]:
    if kind is None:
        return ()
    return (kind if isinstance(kind, str) else names.thing_name(kind),)


def _note(annex: bytes | None, names: Names) -> str:
    text = _word(annex, "note", names)
    return f": {text}" if text else ""


def _word(annex: bytes | None, name: str, names: Names) -> str:
    content = None if annex is None else names.annex(annex)
    text = "" if content is None else content.get(name, "")
    return text if isinstance(text, str) else ""


def _short(identifier: bytes) -> str:
    return identifier.hex()[:_ID_CHARACTERS]

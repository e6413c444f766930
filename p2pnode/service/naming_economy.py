"""What a person writes about giving and taking, as the record it becomes: people and things by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from p2pnode.consensus.rows import row_key
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import id_of_text
from p2pnode.economy import (
    agreement,
    batch,
    event,
    judging,
    loop,
    metering,
    promising,
    recording,
    tables,
    things,
)
from p2pnode.economy.agreement import clause_id
from p2pnode.economy.form import Form, Place
from p2pnode.economy.labels import measure_of_text, unit_of_label
from p2pnode.economy.record import record_id
from p2pnode.governance.tables import members as member_rows
from p2pnode.local.naming import Named, choose
from p2pnode.service.economy_rules import ECONOMY_RULES
from p2pnode.service.mandates import mandate_of
from p2pnode.service.meters import meter_of
from p2pnode.service.naming_commons import (
    COMMONS_FORMS,
    TIMED,
    booking_of,
    commons_of,
    scope_of,
    terms_of,
    use_of,
)
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView

FORMS: Mapping[str, tuple[str, Form[Any]]] = {
    "event": (event.EVENT_TYPE, event.FORM),
    "signature": (recording.COUNTERSIGN_TYPE, recording.COUNTERSIGN),
    "attestation": (judging.ATTESTATION_TYPE, judging.ATTESTATION),
    "agent": (things.AGENT_TYPE, things.AGENT),
    "kind": (things.SPEC_TYPE, things.SPEC),
    "process": (things.PROCESS_TYPE, things.PROCESS),
    "process-end": (things.FINISH_TYPE, things.FINISH),
    "intent": (promising.INTENT_TYPE, promising.INTENT),
    "intent-end": (promising.INTENT_CLOSE_TYPE, promising.INTENT_CLOSE),
    "promise": (promising.COMMITMENT_TYPE, promising.COMMITMENT),
    "promise-end": (promising.RELEASE_TYPE, promising.RELEASE),
    "claim": (promising.CLAIM_TYPE, promising.CLAIM),
    "claim-end": (promising.CLAIM_CLOSE_TYPE, promising.CLAIM_CLOSE),
    "meter": (metering.INSTALL_TYPE, metering.INSTALL),
    "meter-end": (metering.CLOSE_TYPE, metering.CLOSE),
    "agreement": (agreement.PROPOSE_TYPE, agreement.TERMS),
    "agreement-answer": (agreement.ANSWER_TYPE, agreement.ANSWER),
    "agreement-withdrawal": (agreement.WITHDRAW_TYPE, agreement.WITHDRAW),
    "agreement-reduction": (agreement.REDUCE_TYPE, agreement.REDUCE),
    "agreement-end": (agreement.CLOSE_TYPE, agreement.CLOSE),
    **COMMONS_FORMS,
    "loop-answer": (loop.ANSWER_TYPE, loop.ANSWER),
}
"""What can be said, by the word of the local API: the type of entry and its form."""

_DAY_MS = 24 * 3600 * 1000
_OPEN = (agreement.PROPOSED, agreement.ACCEPTED)
_SHOWN_MAX = 200
"""Candidates that are looked at for the start of an id; more share it only by somebody's work."""


def payload_of(view: GroupView, what: str, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The payload of a record. Errors: UsageError of what is named, or by the rule that it breaks."""
    form = FORMS[what][1]
    fields = _with_defaults(view, what, said)
    value = {name: field_of(view, what, name, item) for name, item in fields.items()}
    if annex is not None:
        value["annex"] = annex
    try:
        return form.encode(form.read(value))
    except FormatError as error:
        if error.rule in ECONOMY_RULES:
            raise refusal(error.rule) from error
        raise UsageError(
            error.rule,
            f"that cannot be recorded: {_in_words(error)}",
            "look at what was typed; the command's --help has examples",
        ) from error


def _in_words(error: FormatError) -> str:
    """What is wrong, with the words of people for the fields of a record."""
    field, colon, why = error.detail.partition(": ")
    return f"{_WORDS[field]}: {why}" if colon and field in _WORDS else error.detail or error.rule


def _with_defaults(view: GroupView, what: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from the rest: the time, the parties of an agreement, the hash of its terms."""
    fields = dict(said)
    if what == "event" or what in TIMED:
        fields.setdefault("performed_ms", view.now_ms)
        refuse_future(fields["performed_ms"], view.now_ms)
    if what == "agreement":
        named = [clause.get(side, "") for clause in said["clauses"] for side in ("provider", "receiver")]
        agents = {agent_of(view, word) for word in named}
        _refuse_terms(view, str(said.get("name", "")), agents)
        fields.setdefault("parties", sorted(agents - {view.group}))
        fields.setdefault("mode", agreement.RECIPROCAL)
    if what == "agreement-answer":
        row = agreement.agreement(view.rows, agreement_of(view, said["agreement"]))
        assert row is not None
        fields["terms"] = row.terms.hash
    return fields


def refuse_future(performed_ms: Any, now_ms: int) -> None:
    """What was given lies in the past, or a day ahead by another zone. Errors: UsageError event.in_future."""
    if isinstance(performed_ms, int) and performed_ms > now_ms + _DAY_MS:
        raise UsageError(
            "event.in_future",
            "that lies in the future",
            "look at the date; what is still to come is promised: p2pnode promise make",
        )


def _refuse_terms(view: GroupView, name: str, agents: set[bytes]) -> None:
    """Refuse what would be hard to speak of later: parties that are none, a name that is taken."""
    if len(agents - {view.group}) < 2:
        raise UsageError(
            "agreement.alone",
            "an agreement is between two members or more",
            "what somebody gives to the group needs none: p2pnode record work 2h --to group",
        )
    for key, row in agreement.agreements(view.rows):
        is_open = agreement.status_at(row, view.now_ms) in _OPEN and view.me[0] in row.terms.parties
        if is_open and row.terms.name.casefold() == name.casefold():
            start = key.hex()[:8]
            raise UsageError(
                "agreement.name_taken",
                f"an agreement of yours of that name is open, {start}",
                f"p2pnode agree show {start} tells its terms, and p2pnode agree accept {start} signs it; "
                "give a new one another name",
            )


def field_of(view: GroupView, what: str, name: str, item: Any) -> Value:
    """What a field of a record holds. Errors: UsageError of what is named, FormatError amount.*."""
    if what == "use-withdrawal" and name == "use":
        return use_of(view, str(item))
    if name == "licence":
        return terms_of(item)
    if name in _LISTED:
        return sorted({_LISTED[name](view, str(word)) for word in item})
    if name == "entry":
        return _ENDED[what](view, str(item))
    if name in _MEASURES and isinstance(item, str):
        return measure_of_text(item, "hour" if name == "effort_quantity" else "one").value
    if name in ("clauses", "limits"):
        return [{inner: field_of(view, what, inner, value) for inner, value in one.items()} for one in item]
    return _READ[name](view, item) if name in _READ and isinstance(item, str) else item


# ---- what is named


def agent_of(view: GroupView, word: str) -> bytes:
    """A member, the group, or an agent outside it. Errors: UsageError agent.unknown, agent.ambiguous."""
    if word == "me":
        return view.me[0]
    if word in ("group", view.describer.group_name) or word == view.group.hex():
        return view.group
    members = [Named(member_id.hex(), view.name(member_id)) for member_id, _ in member_rows(view.rows)]
    return bytes.fromhex(choose("agent", word, [*members, *agents_named(view)], where="p2pnode members"))


def agents_named(view: GroupView) -> list[Named]:
    """The agents outside the group; a person's name is in the annex."""
    return [
        Named(key.hex(), row.name or view.text(row.annex, "name"))
        for key, row in tables.rows_of(view.rows, tables.AgentRow, "agent")
    ]


def kind_of(view: GroupView, word: str) -> str | bytes:
    """The specification that bears a name, or the words themselves."""
    specs = [(key, row.name.casefold()) for key, row in tables.rows_of(view.rows, tables.SpecRow, "spec")]
    found = [key for key, name in specs if name == word.casefold() or key.hex() == word]
    return found[0] if len(found) == 1 else word


def resource_of(view: GroupView, word: str) -> bytes:
    """A thing, by name or id. Errors: UsageError resource.unknown, resource.ambiguous."""
    rows = tables.rows_of(view.rows, tables.ResourceRow, "resource")
    named = [Named(key.hex(), row.name) for key, row in rows]
    return bytes.fromhex(choose("resource", word, named, where="p2pnode stock"))


def process_of(view: GroupView, word: str) -> bytes:
    """A process, by name or id; one that goes on before one that is over. Errors: UsageError process.*."""
    rows = list(tables.rows_of(view.rows, tables.ProcessRow, "process"))
    running = [Named(key.hex(), row.name) for key, row in rows if not row.is_finished]
    try:
        return bytes.fromhex(choose("process", word, running, where="p2pnode process"))
    except UsageError as error:
        if error.rule != "process.unknown":
            raise
    named = [Named(key.hex(), row.name) for key, row in rows]
    return bytes.fromhex(choose("process", word, named, where="p2pnode process"))


def agreement_of(view: GroupView, word: str) -> bytes:
    """An agreement, by name or id; one that is not over before the others. Errors: UsageError
    agreement.*.
    """
    agreement_id = _whole_id(word)
    if agreement_id is not None and agreement.agreement(view.rows, agreement_id) is not None:
        # So programs name it: no other one has to be looked at.
        return agreement_id
    rows = list(agreement.agreements(view.rows))
    current = [
        Named(key.hex(), row.terms.name)
        for key, row in rows
        if agreement.status_at(row, view.now_ms) in _OPEN
    ]
    try:
        return bytes.fromhex(choose("agreement", word, current, where="p2pnode agree list"))
    except UsageError as error:
        if error.rule != "agreement.unknown":
            raise
    # Of those that are over, a name means the one that was in force last, else the one proposed last.
    rows.sort(key=lambda item: (item[1].accepted_ms is not None, item[1].proposed_ms), reverse=True)
    taken: set[str] = set()
    named = []
    for key, row in rows:
        name = row.terms.name.casefold()
        named.append(Named(key.hex(), "" if name in taken else row.terms.name))
        taken.add(name)
    return bytes.fromhex(choose("agreement", word, named, where="p2pnode agree list"))


def _whole_id(word: str) -> bytes | None:
    try:
        return id_of_text(word)
    except FormatError:
        return None


def event_of(view: GroupView, word: str) -> bytes:
    """An event, by the start of its id, or a record as ENTRY#NUMBER. Errors: UsageError event.*."""
    if "#" in word:
        return record_id(*batch.record_of_name(word))
    named = [*_starting(view, "event", word), *_starting(view, "git_claim", word)]
    return bytes.fromhex(choose("event", word, named, where="p2pnode record list"))


def commitment_of(view: GroupView, word: str) -> bytes:
    """A promise by the start of its id, or a clause as AGREEMENT/NUMBER. Errors: UsageError commitment.*."""
    name, slash, number = word.rpartition("/")
    if slash and number.isascii() and number.isdigit() and 0 < int(number) <= agreement.CLAUSES_MAX:
        return clause_id(agreement_of(view, name), int(number) - 1)
    named = _starting(view, "commitment", word)
    return bytes.fromhex(choose("commitment", word, named, where="p2pnode promise list"))


def _by_start(table: str, kind: str, where: str) -> Callable[[GroupView, str], bytes]:
    def find(view: GroupView, word: str) -> bytes:
        return bytes.fromhex(choose(kind, word, _starting(view, table, word), where=where))

    return find


def _starting(view: GroupView, table: str, word: str) -> list[Named]:
    """The rows whose ids start with some digits; ids have no names."""
    digits = word.strip().lower()
    if len(digits) < 4 or any(digit not in "0123456789abcdef" for digit in digits):
        return []
    start = bytes.fromhex(digits[: len(digits) // 2 * 2])
    found: list[Named] = []
    size = len(row_key(table))
    for key, _ in view.rows.scan(row_key(table, start)):
        if key[size:].hex().startswith(digits):
            found.append(Named(key[size:].hex(), ""))
        if len(found) >= _SHOWN_MAX:
            break
    return found


def _ratio(_: GroupView, text: str) -> Value:
    try:
        part = Fraction(int(text.rstrip("%")), 100) if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError("ratio.bad_text", f"'{text}' is no part", "write 10% or 1/10") from error
    return [part.numerator, part.denominator]


def place_of(text: str) -> Place:
    """A name, or "52.37, 4.9" in degrees."""
    parts = text.split(",")
    try:
        degrees = [Fraction(part.strip()) for part in parts]
    except ValueError:
        return text
    if len(degrees) != 2:
        return text
    north, east = (int(one * 1_000_000) for one in degrees)
    return north, east


def _place(_: GroupView, text: str) -> Value:
    place = place_of(text)
    return place if isinstance(place, str) else list(place)


def _hashes(_: GroupView, text: str) -> Value:
    try:
        return sorted({bytes.fromhex(word) for word in text.split()})
    except ValueError as error:
        raise UsageError(
            "evidence.bad_text", "evidence is named by hashes", "write 64 digits each"
        ) from error


_WORDS: Mapping[str, str] = {
    "competence": "the competence",
    "due_ms": "the date",
    "effort_quantity": "the time it took",
    "eligible_location": "the place",
    "end_ms": "the end",
    "in_scope_of": "the commons",
    "name": "the name",
    "performed_ms": "the date",
    "reach_km": "the reach",
    "resource_conforms_to": "what it is",
    "resource_quantity": "the amount",
    "review_ms": "the day to look at it again",
    "to_location": "the place",
}
"""Fields that people know by other words."""

_MEASURES = frozenset({"effort_quantity", "given", "quantity", "resource_quantity", "taken"})
intent_of = _by_start("intent", "intent", "p2pnode feed")
loop_of = _by_start("loop", "loop", "p2pnode loops")
_claim_of = _by_start("claim", "claim", "p2pnode claim list")
_LISTED: Mapping[str, Callable[[GroupView, str], bytes]] = {"stewards": agent_of, "things": resource_of}
_ENDED: Mapping[str, Callable[[GroupView, str], bytes]] = {
    "claim-end": _claim_of,
    "intent-end": intent_of,
    "promise-end": commitment_of,
}
_READ: Mapping[str, Callable[[GroupView, str], Value]] = {
    "actor": agent_of,
    "agent": agent_of,
    "agreement": agreement_of,
    "booking": booking_of,
    "commons": commons_of,
    "corrects": event_of,
    "creates": lambda _, text: {"name": text},
    "default_unit_of_effort": lambda _, text: unit_of_label(text),
    "default_unit_of_resource": lambda _, text: unit_of_label(text),
    "eligible_location": _place,
    "event": event_of,
    "evidence": _hashes,
    "fulfills": commitment_of,
    "in_scope_of": scope_of,
    "input_of": process_of,
    "loop": loop_of,
    "mandate": mandate_of,
    "meter": meter_of,
    "output_of": process_of,
    "party": agent_of,
    "process": process_of,
    "provider": agent_of,
    "reader": agent_of,
    "realization_of": agreement_of,
    "receiver": agent_of,
    "replaces": agreement_of,
    "resource": resource_of,
    "resource_conforms_to": kind_of,
    "resource_inventoried_as": resource_of,
    "satisfies": intent_of,
    "settles": _claim_of,
    "shared_risk": _ratio,
    "to_location": _place,
    "to_resource_inventoried_as": resource_of,
    "tolerance": _ratio,
    "triggered_by": event_of,
    "unit": lambda _, text: unit_of_label(text),
}
"""Fields that people write by name, and how each is read."""

FOUND_BY: Mapping[str, Callable[[GroupView, str], bytes]] = {
    "claims": _claim_of,
    "events": event_of,
    "intents": intent_of,
    "promises": commitment_of,
    "resources": resource_of,
}
"""How a row of a list that is read by pages is named."""

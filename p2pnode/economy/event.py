"""The entry `event.record`: an economic event, as ValueFlows 1.0.0 has it.

What is said here is only read and checked by itself; `recording.py` says when it holds and what it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.core.amount import Amount
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import form
from p2pnode.economy.actions import ACTIONS, SKILLED
from p2pnode.economy.form import Form, Kind, Place
from p2pnode.economy.measure import Measure

EVENT_TYPE = "event.record"
STREAMS = ("livelihood", "commons", "care")
TAUGHT, LEARNED = "taught", "learned"

_SIDED = {"input": ("input",), "output": ("output",), "outputInput": ("input", "output"), "": ()}


@dataclass(frozen=True, slots=True)
class NewResource:
    """A thing that an event brings into being; its id is that of the event."""

    name: str
    tracking_identifier: str | None = None

    @property
    def value(self) -> dict[str, str]:
        """The map in payloads."""
        tracking = self.tracking_identifier
        return {"name": self.name} | ({} if tracking is None else {"tracking_identifier": tracking})


@dataclass(frozen=True, slots=True)
class Event:
    """What happened.

    Shapes: provider is the author where nothing else is said, and receiver the provider; both are ids of
    members, agents, or the group. Whoever corrects repeats the event with the difference. A lesson says that
    the provider taught what they did, or learned it. Units: performed_ms is wall time, as the author says.
    """

    action: str
    performed_ms: int
    annex: bytes | None = None
    corrects: bytes | None = None
    creates: NewResource | None = None
    effort_quantity: Measure | None = None
    fulfills: bytes | None = None
    in_scope_of: str | None = None
    input_of: bytes | None = None
    lesson: str | None = None
    output_of: bytes | None = None
    provider: bytes | None = None
    realization_of: bytes | None = None
    receiver: bytes | None = None
    resource_conforms_to: Kind | None = None
    resource_inventoried_as: bytes | None = None
    resource_quantity: Measure | None = None
    settles: bytes | None = None
    state: str | None = None
    stream: str | None = None
    to_location: Place | None = None
    to_resource_inventoried_as: bytes | None = None

    @property
    def quantity(self) -> Measure:
        """What flows: the effort where there is one, else how much of the resource."""
        measure = self.effort_quantity or self.resource_quantity
        assert measure is not None, "a checked event has a quantity"
        return measure


def _new_resource(fields: Fields, name: str) -> NewResource:
    inner = Fields(fields.value(name), "event", ("name",), ("tracking_identifier",))
    tracking = form.words(inner, "tracking_identifier") if inner.has("tracking_identifier") else None
    return NewResource(form.a_name(inner, "name"), tracking)


def check_quantities(
    prefix: str, action: str, resource: Measure | None, effort: Measure | None, *, signed: bool = False
) -> None:
    """Refuse quantities that an action does not take. Shapes: signed ones may be below zero.

    Errors: FormatError <prefix>.bad_quantity.
    """
    rule = f"{prefix}.bad_quantity"
    amounts: list[Amount] = [measure.amount for measure in (resource, effort) if measure is not None]
    if any(amount[0] == 0 or (amount[0] < 0 and not signed) for amount in amounts):
        raise FormatError(rule, "an amount is greater than zero, and only a correction takes away")
    needed = ACTIONS[action].quantity
    if needed == "effort" and effort is None:
        raise FormatError(rule, f"{action} needs an effort, such as 2 hour")
    if needed == "resource" and (resource is None or effort is not None):
        raise FormatError(rule, f"{action} needs a quantity and takes no effort")
    if not amounts:
        raise FormatError(rule, f"{action} needs a quantity or an effort")


def _check(event: Event) -> None:
    action = ACTIONS[event.action]
    check_quantities(
        "event",
        event.action,
        event.resource_quantity,
        event.effort_quantity,
        signed=event.corrects is not None,
    )
    sides = _SIDED[action.side]
    if (event.input_of is not None and "input" not in sides) or (
        event.output_of is not None and "output" not in sides
    ):
        raise FormatError("event.wrong_side", f"{event.action} is no such part of a process")
    if event.lesson is not None and (event.action not in SKILLED or event.resource_conforms_to is None):
        raise FormatError("event.bad_lesson", "what is taught or learned is work, or a service, with a name")
    _check_resources(event)


def _check_resources(event: Event) -> None:
    """Refuse resources that an action cannot have."""
    action = ACTIONS[event.action]
    source = event.resource_inventoried_as is not None
    target = event.to_resource_inventoried_as is not None
    if event.creates is not None:
        if not action.creates or event.corrects is not None:
            raise FormatError("event.bad_resource", f"{event.action} brings no new thing into being here")
        if action.creates == "optional":
            if source:
                raise FormatError("event.bad_resource", "either a new thing or one that is there")
            source = True
        else:
            if target:
                raise FormatError("event.bad_resource", "either a new thing or one that is there")
            target = True
    is_pair = "decrementIncrement" in (action.accounting, action.onhand)
    if is_pair and source != target:
        raise FormatError("event.bad_resource", f"{event.action} names where from and where to, or neither")
    if target and not (is_pair or action.accounting == "incrementTo" or action.contained == "update"):
        raise FormatError("event.bad_resource", f"{event.action} has no second resource")
    if is_pair and source and event.resource_inventoried_as == event.to_resource_inventoried_as:
        raise FormatError("event.bad_resource", "from and to are the same thing")


FORM: Form[Event] = Form(
    "event",
    Event,
    {"action": form.choice(*ACTIONS), "performed_ms": form.a_time},
    {
        "annex": form.an_id,
        "corrects": form.an_id,
        "creates": _new_resource,
        "effort_quantity": form.a_measure,
        "fulfills": form.an_id,
        "in_scope_of": form.words,
        "input_of": form.an_id,
        "lesson": form.choice(TAUGHT, LEARNED),
        "output_of": form.an_id,
        "provider": form.an_id,
        "realization_of": form.an_id,
        "receiver": form.an_id,
        "resource_conforms_to": form.a_kind,
        "resource_inventoried_as": form.an_id,
        "resource_quantity": form.a_measure,
        "settles": form.an_id,
        "state": form.a_name,
        "stream": form.choice(*STREAMS),
        "to_location": form.a_place,
        "to_resource_inventoried_as": form.an_id,
    },
    _check,
)
encode = FORM.encode
decode = FORM.decode
decode_own = FORM.decode_own
value = FORM.value

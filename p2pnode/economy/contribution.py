"""The entry `contribution`: an economic event by which its author gives something (ValueFlows 1.0).

The author is the provider. Recording for somebody else, correcting and fulfilling commitments are other types
of entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.economy.event import Event
from p2pnode.economy.form import DECODED_MAX
from p2pnode.economy.measure import Measure, measure_of_value

CONTRIBUTION_TYPE = "contribution"
STREAMS = ("livelihood", "commons", "care")

ACTIONS = MappingProxyType(
    {
        "work": "effort",
        "deliverService": "resource",
        "produce": "resource",
        "raise": "resource",
        "copy": "resource",
        "use": "either",
        "move": "resource",
        "pickup": "resource",
        "dropoff": "resource",
        "accept": "resource",
        "modify": "resource",
        "transfer": "resource",
        "transferCustody": "resource",
        "transferAllRights": "resource",
    }
)
"""The actions of ValueFlows that can give something, with the quantity each of them needs.

`work` may carry a resource quantity besides its effort: the published table allows it where the ontology does
not. Source: ValueFlows 1.0.0 (all_vf.TTL).
"""

_TEXT_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Contribution:
    """What was given. Units: performed_ms is wall time. Shapes: annex names a note kept beside the log."""

    action: str
    resource_conforms_to: str
    performed_ms: int
    in_scope_of: str
    stream: str
    resource_quantity: Measure | None = None
    effort_quantity: Measure | None = None
    annex: bytes | None = None


def encode(contribution: Contribution) -> bytes:
    """The payload of a contribution. Errors: FormatError contribution.*, measure.*, amount.*."""
    fields: dict[str, Value] = {
        "action": contribution.action,
        "in_scope_of": contribution.in_scope_of,
        "performed_ms": contribution.performed_ms,
        "resource_conforms_to": contribution.resource_conforms_to,
        "stream": contribution.stream,
    }
    if contribution.resource_quantity is not None:
        fields["resource_quantity"] = contribution.resource_quantity.value
    if contribution.effort_quantity is not None:
        fields["effort_quantity"] = contribution.effort_quantity.value
    if contribution.annex is not None:
        fields["annex"] = contribution.annex
    payload = codec.encode(fields)
    decode(payload)
    return payload


@lru_cache(maxsize=DECODED_MAX)
def decode(payload: bytes) -> Contribution:
    """The contribution in a payload.

    Errors: FormatError contribution.bad_field, contribution.bad_quantity, measure.*, amount.*, codec.*.
    """
    return of_value(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX))


def of_value(value: Value) -> Contribution:
    """The contribution in a decoded map.

    Errors: FormatError contribution.bad_field, contribution.bad_quantity, measure.*, amount.*.
    """
    fields = Fields(
        value,
        "contribution",
        ("action", "in_scope_of", "performed_ms", "resource_conforms_to", "stream"),
        ("annex", "effort_quantity", "resource_quantity"),
    )
    contribution = Contribution(
        fields.choice("action", ACTIONS),
        fields.text("resource_conforms_to", _TEXT_CHARACTERS_MAX),
        fields.uint("performed_ms"),
        fields.text("in_scope_of", _TEXT_CHARACTERS_MAX),
        fields.choice("stream", STREAMS),
        _quantity(fields, "resource_quantity"),
        _quantity(fields, "effort_quantity"),
        fields.optional_hash("annex"),
    )
    _check_quantities(contribution)
    return contribution


def as_event(said: Contribution, group: bytes) -> Event:
    """The event that a contribution is short for: its author gives something to the group."""
    return Event(
        action=said.action,
        performed_ms=said.performed_ms,
        annex=said.annex,
        effort_quantity=said.effort_quantity,
        in_scope_of=said.in_scope_of,
        receiver=group,
        resource_conforms_to=said.resource_conforms_to,
        resource_quantity=said.resource_quantity,
        stream=said.stream,
    )


def event_payload(value: Mapping[str, Value], group: bytes) -> bytes:
    """The payload of the event that the map of a contribution is short for."""
    return codec.encode_parts({**value, "receiver": group})


def _quantity(fields: Fields, name: str) -> Measure | None:
    return measure_of_value(fields.value(name)) if fields.has(name) else None


def _check_quantities(contribution: Contribution) -> None:
    resource, effort = contribution.resource_quantity, contribution.effort_quantity
    if any(measure is not None and measure.amount[0] <= 0 for measure in (resource, effort)):
        raise FormatError(
            "contribution.bad_quantity", "an amount is greater than zero, and only a correction takes away"
        )
    needed = ACTIONS[contribution.action]
    if needed == "effort" and effort is None:
        raise FormatError(
            "contribution.bad_quantity", f"{contribution.action} needs an effort, such as 2 hour"
        )
    if needed == "resource" and (resource is None or effort is not None):
        raise FormatError(
            "contribution.bad_quantity", f"{contribution.action} needs a quantity and takes no effort"
        )
    if needed == "either" and resource is None and effort is None:
        raise FormatError("contribution.bad_quantity", f"{contribution.action} needs a quantity or an effort")

"""The 19 actions of ValueFlows 1.0.0 with what each does to resources.

Nothing else knows what an action does.

| effect | meaning |
|---|---|
| increment, decrement | of `resource_inventoried_as` |
| decrementIncrement | from `resource_inventoried_as` to `to_resource_inventoried_as` |
| incrementTo | of `to_resource_inventoried_as` |
| new | only where the event makes the resource |
| update, remove | of `resource_inventoried_as` |
| updateTo | of `to_resource_inventoried_as` |

An effort never changes a resource. `work` takes a resource quantity besides its effort: the published table
allows it where the ontology does not. Source: ValueFlows 1.0.0, all_vf.TTL.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Action(NamedTuple):
    """One row of the specification's table; an empty text where it says "not applicable".

    Shapes: side is input, output, outputInput or empty; quantity is resource, effort or both, both meaning
    either; the others are effects.
    """

    name: str
    side: str
    pairs_with: str
    creates: str
    quantity: str
    accounting: str
    onhand: str
    location: str
    contained: str
    accountable: str
    stage: str
    state: str


_SPECIFIED = """
produce           output      -       optional   resource increment increment new - new update update
consume           input       -       -          resource decrement decrement - - - - update
use               input       -       -          both     - - - - - - update
work              input       -       -          effort   - - - - - - -
cite              input       -       -          resource - - - - - - update
deliverService    outputInput -       -          resource - - - - - - -
pickup            input       dropoff -          resource - decrement update - - - update
dropoff           output      pickup  -          resource - increment update - - update update
accept            input       modify  -          resource - decrement update - - - update
modify            output      accept  -          resource - increment update - - update update
combine           input       -       -          resource - decrement - update - - update
separate          output      -       -          resource - increment - remove - update update
transferAllRights -           -       optionalTo resource decrementIncrement - - - updateTo - updateTo
transferCustody   -           -       optionalTo resource - decrementIncrement updateTo - - - updateTo
transfer - - optionalTo resource decrementIncrement decrementIncrement updateTo - updateTo - updateTo
move - - optionalTo resource decrementIncrement decrementIncrement updateTo - updateTo - updateTo
copy              -           -       optionalTo resource incrementTo incrementTo new - new - updateTo
raise             -           -       optional   resource increment increment - - new - update
lower             -           -       optional   resource decrement decrement - - new - update
"""


def _action(line: str) -> Action:
    return Action(*("" if cell == "-" else cell for cell in line.split()))


ACTIONS = MappingProxyType({action.name: action for action in map(_action, _SPECIFIED.strip().splitlines())})

FLOWING = frozenset("consume copy deliverService produce transfer transferAllRights use work".split())
"""Actions by which one agent gives something and another takes it.

The others move custody, or only say what is there. `produce`, `consume` and `deliverService` imply it.
"""

TAKING = frozenset({"consume", "lower", "transfer", "transferAllRights", "move"})
"""Actions that take from what somebody is accountable for."""

SKILLED = frozenset({"work", "deliverService"})
"""Actions by which somebody does what they can do: what it is called is a skill."""

GIVING_AWAY = frozenset({"lower", "transfer", "transferAllRights", "move"})
"""Actions by which a group loses a thing without using it: they need a mandate."""

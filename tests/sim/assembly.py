"""Verbs about who belongs to a group and what it decides: founders, voters who go and come, proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from p2pnode.core.annex import annex_hash, encode_annex
from p2pnode.core.crypto import sha256
from p2pnode.core.events import AgreeToClose, Append, Found, Item, OpenGroup, Reply
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import founding
from p2pnode.governance.ballot import CAST_TYPE, Ballot, encode_cast
from p2pnode.governance.charter import Charter, charter_of_toml
from p2pnode.governance.inception import Inception, recovery_commitment_of
from p2pnode.governance.leaving import LEAVE_TYPE, Leave
from p2pnode.governance.leaving import encode as encode_farewell
from p2pnode.governance.proposal import OPEN_TYPE, Proposal, encode_open
from p2pnode.governance.voters import AWAY_TYPE, RETURN_TYPE, encode_leave, encode_return
from tests.sim.keys import recovery_key_of
from tests.sim.timeline import EPOCH_MS

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import World

_QUICK = {"early": True, "grace_hours": 0, "quorum": [1, 2], "rule": "majority", "window_hours": 1}
QUICK_RULES = dict.fromkeys(("default", "remove", "voting_role", "lying_voters", "text"), _QUICK)
"""Decisions that need no days, so that a case may have some."""


class Founded(NamedTuple):
    """A group that several founded. Shapes: names are the founders' machines; annexes are theirs, by name."""

    names: tuple[str, ...]
    entry: tuple[bytes, bytes, bytes]
    annexes: Mapping[str, bytes]


def found(
    world: World,
    founders: str | list[str],
    label: str,
    settings: dict[str, Any] | None = None,
    has_phrases: int = 0,
) -> None:
    """One machine founds a group, or several found it together, with printed phrases if they want them."""
    charter = charter_of_toml("", name=label, **(settings or {}))
    if isinstance(founders, str):
        _found_alone(world, world.machines[founders], label, charter)
    else:
        _found_together(world, tuple(founders), label, charter, has_phrases=bool(has_phrases))


def _found_alone(world: World, machine: Machine, label: str, charter: Charter) -> None:
    def founded(reply: Reply) -> None:
        if reply.error is None:
            world.groups[label] = reply.value

    nonce, annex = _nonce(world, label), encode_annex(_nonce(world, label), {"name": machine.name})
    commitment = sha256(b"recovery:" + machine.key.public)
    machine.submit(Found(founded, charter.value, nonce, commitment, annex))


def _found_together(
    world: World, names: tuple[str, ...], label: str, charter: Charter, *, has_phrases: bool
) -> None:
    machines = sorted((world.machines[name] for name in names), key=lambda machine: machine.key.public)
    annexes = {name: encode_annex(sha256(f"{label}{name}".encode()), {"name": name}) for name in names}
    inceptions = [
        Inception(
            DeviceKey(machine.key.public),
            recovery_commitment_of(recovery_key_of(machine.name).public)
            if has_phrases
            else sha256(b"recovery:" + machine.key.public),
            annex_hash(annexes[machine.name]),
        )
        for machine in machines
    ]
    terms = founding.propose(charter, _nonce(world, label), inceptions)
    payload = founding.found(terms, [founding.sign_terms(machine.key, terms) for machine in machines])
    entry = founding.founding_entry(machines[0].key, payload, EPOCH_MS + world.timeline.now_ms)
    world.groups[label] = bytes(entry.group)
    packed = (entry.header_bytes, entry.signature or b"", payload)
    world.founded[label] = Founded(names, packed, annexes)
    for machine in machines:
        open_founded(world, machine)


def open_founded(world: World, machine: Machine) -> None:
    """Open what this machine founded with others, as its person would after a power cut in between."""
    for label, held in world.founded.items():
        if machine.name in held.names and world.groups[label] not in machine.views:
            machine.submit(OpenGroup(_ignore, held.entry, (held.annexes[machine.name],)))


def _nonce(world: World, label: str) -> bytes:
    return sha256(f"{world.salt}:{label}".encode())


# ---- voters and decisions


def voter(world: World, name: str, label: str, what: str, lying_voters: int | None = None) -> None:
    """A voter goes for a while or for ever, or comes back."""
    items = {
        "leave": Item(AWAY_TYPE, encode_leave(lying_voters)),
        "return": Item(RETURN_TYPE, encode_return()),
        "farewell": Item(LEAVE_TYPE, encode_farewell(Leave(lying_voters))),
    }
    _write(world, name, label, items[what])


def propose(world: World, name: str, label: str, subject: str, target: str, mark: str) -> None:
    """Put something to the group: about a member, or a text."""
    group = world.groups.get(label)
    view = None if group is None else world.machines[name].views.get(group)
    if view is None:
        return
    member = view.state.member_of(world.machines[target].key.public) if target else None
    if target and member is None:
        return
    body: dict[str, Any] = {"text": mark} if member is None else {"member": bytes(member.id)}
    if subject == "voting_role":
        body["give"] = True
    payload = encode_open(Proposal(subject, body))

    def proposed(reply: Reply) -> None:
        if reply.error is None:
            header = reply.value[0].header
            world.proposals[mark] = bytes(reply.value[0].id)
            world.wishes[mark] = (header.author, header.seq)

    _write(world, name, label, Item(OPEN_TYPE, payload), proposed)


def ballot(world: World, name: str, label: str, mark: str, choice: str) -> None:
    """Vote on something that was put to the group."""
    proposal = world.proposals.get(mark)
    if proposal is not None:
        _write(world, name, label, Item(CAST_TYPE, encode_cast(Ballot(proposal, choice))))


def agree(world: World, name: str, label: str) -> None:
    """The person at a machine agrees to a second convocation, if it was asked."""
    group = world.groups.get(label)
    if group is not None:
        world.machines[name].submit(AgreeToClose(_ignore, group))


def _write(world: World, name: str, label: str, item: Item, then: Any = None) -> None:
    group = world.groups.get(label)
    machine = world.machines[name]
    if group is None or machine.node is None:
        return

    def answered(reply: Reply) -> None:
        if reply.error is not None:
            world.log(f"{name} refused {getattr(reply.error, 'rule', reply.error)}")
            return
        world.watch.acknowledged(machine, group, reply.value)
        if then is not None:
            then(reply)

    machine.submit(Append(answered, group, (item,)))


def _ignore(reply: Reply) -> None:
    """Opening a group a second time changes nothing, nor does agreeing to what nobody asked."""

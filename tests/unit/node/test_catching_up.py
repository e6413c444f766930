"""A newcomer fetches a group that grew member by member: nobody's quota holds up what a voter has seen."""

from collections.abc import Callable

from p2pnode.core.codec import encode
from p2pnode.core.events import Append, Item
from p2pnode.core.limits import NEWCOMER_ENTRIES_MAX
from tests.unit.node.world import NOW_MS, Machine

MachineOf = Callable[[str], Machine]
_MANY = NEWCOMER_ENTRIES_MAX + 36


def _write_many(machine: Machine, group: bytes) -> None:
    items = tuple(Item("contribution", encode({"number": number})) for number in range(_MANY))
    machine.ask(Append(1, group, items))


def _grown_group(machine: MachineOf) -> tuple[Machine, list[Machine], bytes]:
    """A founder and three members, each of whom wrote much before the next one came."""
    founder = machine("founder")
    group = founder.found()
    members = [machine(name) for name in ("alice", "bob", "eve")]
    for member in members:
        member.join(founder, group)
        _write_many(member, group)
        member.give(founder, group)
    return founder, members, group


def test_what_a_voter_named_is_taken_whole_before_its_decision_is_delivered(machine: MachineOf) -> None:
    founder, members, group = _grown_group(machine)
    late = machine("late")
    late.join(founder, group)
    for member in members:
        start = founder.frame(group, member.key)
        late.receive(group, start, founder.key)
    assert late.node.logs[group].state.standing(members[2].key) == "provisional"
    late.receive(group, founder.frame(group, founder.key), founder.key)
    for member in reversed(members):
        # The last first: each but the last waits for the one before, and is stored nevertheless.
        lane = late.node.logs[group].lane(member.key, 0)
        assert lane is not None
        answer = late.receive(group, founder.frame(group, member.key, first=lane.seq + 1), founder.key)
        assert answer.waiting is None
        assert answer.stored == _MANY + 1 - NEWCOMER_ENTRIES_MAX
    assert late.digest(group) == founder.digest(group)
    assert late.node.logs[group].named_by_voters == frozenset()


def test_a_restart_forgets_no_voters_word(machine: MachineOf) -> None:
    founder, members, group = _grown_group(machine)
    late = machine("late")
    late.join(founder, group)
    for member in members:
        late.receive(group, founder.frame(group, member.key), founder.key)
    late.receive(group, founder.frame(group, founder.key), founder.key)
    assert late.node.logs[group].named_by_voters
    late.restart()
    last = members[-1]
    answer = late.receive(group, founder.frame(group, last.key, first=NEWCOMER_ENTRIES_MAX), founder.key)
    assert answer.stored == _MANY + 1 - NEWCOMER_ENTRIES_MAX


def test_an_author_whom_no_voter_named_keeps_the_quota(machine: MachineOf) -> None:
    founder = machine("founder")
    group = founder.found()
    member, newcomer, reader = machine("alice"), machine("bob"), machine("late")
    member.join(founder, group, NOW_MS)
    reader.join(founder, group)
    founder.give(member, group)
    founder.give(reader, group)
    newcomer.join(member, group)
    member.give(newcomer, group)
    _write_many(newcomer, group)
    answer = reader.receive(group, newcomer.frame(group, newcomer.key), newcomer.key)
    assert answer.waiting == "newcomer.quota"
    lane = reader.node.logs[group].lane(newcomer.key, 0)
    assert lane is not None
    assert lane.seq == NEWCOMER_ENTRIES_MAX - 1

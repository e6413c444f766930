"""A newcomer fetches a group that grew member by member: nobody's quota holds up what blocks name."""

from collections.abc import Callable

from p2pnode.core.codec import encode
from p2pnode.core.events import AnnexesReceived, Append, Item, Regrouped
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


def _late_with_votes(machine: MachineOf, founder: Machine, group: bytes) -> Machine:
    late = machine("late")
    late.join(founder, group)
    late.receive(group, founder.frame(group, founder.key, lane=1), founder.key)
    return late


def _bodies(founder: Machine, late: Machine, group: bytes) -> tuple[bytes, ...]:
    return tuple(founder.node.logs[group].file.annexes(late.node.logs[group].file.wanted_annexes(100)))


def test_j16_what_a_block_names_is_taken_whole_before_the_block_can_be_judged(machine: MachineOf) -> None:
    founder, members, group = _grown_group(machine)
    late = _late_with_votes(machine, founder, group)
    last = members[1]
    answer = late.receive(group, founder.frame(group, last.key), founder.key)
    assert answer.waiting == "newcomer.quota"
    effects = late.handle(AnnexesReceived(1, group, founder.key, _bodies(founder, late, group)))
    assert [effect for effect in effects if isinstance(effect, Regrouped)], "parked wants are asked for again"
    frame = founder.frame(group, last.key, first=NEWCOMER_ENTRIES_MAX)
    assert late.receive(group, frame, founder.key).stored == _MANY + 1 - NEWCOMER_ENTRIES_MAX
    assert late.node.logs[group].chain.tip.height < founder.node.logs[group].chain.tip.height


def test_j16_a_restart_forgets_nothing_that_a_block_named(machine: MachineOf) -> None:
    founder, members, group = _grown_group(machine)
    late = _late_with_votes(machine, founder, group)
    late.handle(AnnexesReceived(1, group, founder.key, _bodies(founder, late, group)))
    late.restart()
    frame = founder.frame(group, members[1].key)
    assert late.receive(group, frame, founder.key).stored == _MANY + 1


def test_a_newcomer_follows_the_chain_to_its_end(machine: MachineOf) -> None:
    founder, members, group = _grown_group(machine)
    late = machine("late")
    late.join(founder, group)
    founder.share(late, group)
    chains = [node.node.logs[group].chain.tip for node in (founder, late)]
    assert chains[0].height == chains[1].height > 1
    assert chains[0].id == chains[1].id
    for member in (*members, late):
        assert late.node.logs[group].state.standing(member.key) == "member"


def test_an_author_whom_no_block_named_keeps_the_quota(machine: MachineOf) -> None:
    founder = machine("founder")
    group = founder.found()
    member, newcomer, reader = machine("alice"), machine("bob"), machine("late")
    member.join(founder, group, NOW_MS)
    reader.join(founder, group)
    founder.share(member, group)
    founder.share(reader, group)
    newcomer.join(member, group)
    member.share(newcomer, group)
    _write_many(newcomer, group)
    answer = reader.receive(group, newcomer.frame(group, newcomer.key), newcomer.key)
    assert answer.waiting == "newcomer.quota"
    lane = reader.node.logs[group].lane(newcomer.key, 0)
    assert lane is not None
    assert lane.seq == NEWCOMER_ENTRIES_MAX - 1

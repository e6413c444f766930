"""What must hold when a world has healed: everybody holds the same, and holds it rightly.

Each executes the whole order again and comes to its own rows (I6: `state.not_rebuilt`, `store.damage`), lacks
nothing that it has acknowledged (I7: `entry.lost`, `entry.replaced`, `annex.lost`), shows the heads that all
show (I8), has nothing left to decide (I9: `world.unsettled`), names nobody who is honest (I11:
`author.accused`), and was never filled without bound (I12: `queue.unbounded`, `traffic.endless`). The others
stand in `chains.py`; sums (I13) in `market.py` and `commons_sums.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p2pnode.core.events import CatchUp
from p2pnode.core.ids import Lane
from p2pnode.group_log import GroupLog
from p2pnode.replication.lane import LaneState
from p2pnode.verifying import verify_group
from tests.sim.disk import SimulatedShelf, queries_of
from tests.sim.market import lost_sum
from tests.sim.owing import broken_promise
from tests.sim.programs import running
from tests.sim.rebuilding import rebuilt
from tests.sim.reference import faults
from tests.sim.watch import ALL_LANES

_OPEN = frozenset({Lane.OPEN.value})

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import World


def unsettled(world: World) -> str | None:
    """What the world still waits for, or None."""
    for machine in _honest(world):
        if machine.node is None:
            return f"{machine.name} is down"
        if machine.joining:
            return f"{machine.name} waits to be admitted"
    return next(filter(None, (_unsettled_group(world, group) for group in world.groups.values())), None)


def _unsettled_group(world: World, group: bytes) -> str | None:
    members = _members(world, group)
    if len({log.frontier.digest(ALL_LANES) for _, log in members}) > 1:
        return "heads differ"
    insiders = _insiders(world, group)
    if any(_lacks_open(log, members[0][1]) for _, log in insiders):
        return "open heads differ"
    if len({log.chain.tip.id for _, log in members}) > 1:
        return "chains differ"
    if len({_roll(log) for _, log in members}) > 1:
        return "members differ"
    wanting = _wanting(members)
    if wanting is not None:
        return f"{wanting} wants annexes that another member has"
    for machine, log in members:
        blocked = _blocked_honest(world, log)
        if blocked:
            return f"{machine.name} has blocked lanes {blocked}"
        if machine.node is not None and group in machine.node.restored:
            return f"{machine.name} waits for a confirmation"
        if machine.key.public in log.chain.voting_keys and log.chain.height._work_since_ms is not None:
            missing = log.chain.height.missing()
            return f"{machine.name} decides about height {log.chain.tip.height + 1}: {missing.stage}"
    # Who left keeps asking for what it may read no longer.
    for machine, _ in members:
        for end in machine.ends.values():
            exchange = end.session.open_group(group)
            if exchange is None or not world.is_honest(end.peer.name):
                continue
            if any(author == insider.key.public for author, _ in exchange.missing for insider, _ in insiders):
                return f"{machine.name} misses entries that {end.peer.name} showed"
    return None


def judge(world: World) -> None:
    """Find what is wrong. Errors: Finding."""
    find = world.watch.find
    waiting = unsettled(world)
    if waiting is not None:
        find("world.unsettled", waiting)
    for machine in _honest(world):
        world.watch.check_kept(machine)
    for group in world.groups.values():
        holders = _holders(world, group)
        # They hold the same, so that folding it again for one of them is enough; each case takes another one.
        chosen = world.chance("folded again").below(len(holders)) if holders else 0
        for index, (machine, log) in enumerate(holders):
            with running(machine.version):
                _judge_log(world, machine, log, is_folding=index == chosen)
            lost = lost_sum(log) or broken_promise(log)
            if lost is not None:
                find("economy.lost", f"{machine.name}: {lost}")
        members = _members(world, group)
        _judge_acknowledged(world, group, members)
        _judge_same(world, members)
        world.watch.entry_count += max((_entry_count(log) for _, log in holders), default=0)


def _honest(world: World) -> list[Machine]:
    return [machine for name, machine in world.machines.items() if world.is_honest(name)]


def _holders(world: World, group: bytes) -> list[tuple[Machine, GroupLog]]:
    return [
        (machine, machine.node.logs[group])
        for machine in _honest(world)
        if machine.node is not None and group in machine.node.logs
    ]


def _members(world: World, group: bytes) -> list[tuple[Machine, GroupLog]]:
    """Honest machines that may read everything, as the node with the longest chain sees it."""
    holders = _holders(world, group)
    if not holders:
        return []
    newest = max((log for _, log in holders), key=lambda log: log.chain.tip.height)
    return [
        (machine, log)
        for machine, log in holders
        if newest.state.standing(machine.key.public) in ("member", "provisional")
    ]


def _insiders(world: World, group: bytes) -> list[tuple[Machine, GroupLog]]:
    """Those that are or were members: everybody takes their lanes, and they may read lane 2."""
    members = [log for _, log in _members(world, group)]
    return [
        (machine, log)
        for machine, log in _holders(world, group)
        if members and members[0].state.standing(machine.key.public) is not None
    ]


def _lacks_open(log: GroupLog, whole: GroupLog) -> bool:
    """Whether something in lane 2 is not the same as a member has it. Who left takes nothing of those who
    came later: the blocks that say who they are go to members alone.
    """
    held, theirs = (
        {key: head._replace(changed=0) for key, head in one.frontier.heads.items() if head.lane in _OPEN}
        for one in (log, whole)
    )
    return (
        any(
            held.get(key) != head and (key in held or log.state.standing(head.author) is not None)
            for key, head in theirs.items()
        )
        or not held.keys() <= theirs.keys()
    )


def _roll(log: GroupLog) -> tuple[Any, ...]:
    members = tuple(
        (member.id, member.status, member.devices, member.joined_entry)
        for member in log.state.members.values()
    )
    return members, tuple(sorted((id_, outcome) for id_, outcome in log.state.outcomes.items()))


def _blocked_honest(world: World, log: GroupLog) -> list[str]:
    """Lanes of honest authors that wait for something."""
    return [
        world.name_of(log.lanes[number].author)
        for number in sorted(log.blocked)
        if world.is_honest(world.name_of(log.lanes[number].author))
        and world.name_of(log.lanes[number].author) not in world.watch.may_fork
    ]


def _wanting(members: list[tuple[Machine, GroupLog]]) -> str | None:
    """A member that lacks an annex which another one holds."""
    for machine, log in members:
        wanted = log.file.wanted_annexes(1 << 20)
        for _, other in members if wanted else ():
            if other is not log and other.file.annexes(wanted):
                return machine.name
    return None


def _entry_count(log: GroupLog) -> int:
    return sum(lane.seq + 1 for lane in log.lanes.values())


def _judge_acknowledged(world: World, group: bytes, members: list[tuple[Machine, GroupLog]]) -> None:
    """Whatever any member was told is written, every member holds."""
    for name in sorted(world.watch.acknowledged_by):
        if not world.is_honest(name) or name in world.watch.may_fork:
            continue
        for place in world.watch.acknowledged_by[name]:
            if place[0] != group or place in world.watch.may_lose:
                continue
            _, author, lane, seq = place
            is_author_in = any(machine.name == name for machine, _ in members)
            for machine, log in members:
                held = log.lane(author, lane)
                if is_author_in and (held is None or held.seq < seq):
                    world.watch.find("entry.missing", f"{machine.name} lacks {name}'s entry {lane}/{seq}")


def _judge_log(world: World, machine: Machine, log: GroupLog, *, is_folding: bool) -> None:
    find = world.watch.find
    path = SimulatedShelf.path(log.group)
    queries = queries_of(machine.disk, path)
    findings = verify_group(queries, log.group, lambda done, total: None, lambda: False)
    if findings.damage:
        find("store.damage", f"{machine.name}: {findings.damage[0]['rule']} {findings.damage[0]['place']}")
    for rule, detail in faults(log):
        find(rule, f"{machine.name}: {detail}")
    machine.handle([CatchUp(None, log.group)])
    world.watch.chains.judge(machine, log, is_whole=is_folding)
    for part, mine, fresh in rebuilt(log, machine.disk.images()[path] or b"", is_folding=is_folding):
        if mine != fresh:
            find("state.not_rebuilt", f"{machine.name} {part}: {_difference(mine, fresh)}")


def _judge_same(world: World, members: list[tuple[Machine, GroupLog]]) -> None:
    """All members judge every entry alike."""
    verdicts = [(machine.name, _verdict(log)) for machine, log in members]
    for name, verdict in verdicts[1:]:
        if verdict != verdicts[0][1]:
            world.watch.find(
                "members.disagree", f"{verdicts[0][0]} and {name}: {_difference(verdicts[0][1], verdict)}"
            )


def _verdict(log: GroupLog) -> dict[Any, Any]:
    return {
        lane.key: (lane.seq, lane.id, lane.delivered, _ordered(lane), lane.ended_at, lane.ended_rule)
        if lane.ended_at is None
        else (lane.ended_at, lane.ended_id)
        for lane in log.lanes.values()
    }


def _ordered(lane: LaneState) -> int | None:
    """How far blocks order a lane; how far votes need not be read again is a node's own matter."""
    return None if lane.lane == Lane.VOTES else lane.decided


def _difference(mine: Any, fresh: Any) -> str:
    if isinstance(mine, dict) and isinstance(fresh, dict):
        keys = [key for key in {**mine, **fresh} if mine.get(key) != fresh.get(key)]
        return "; ".join(f"{key}: {mine.get(key)} / {fresh.get(key)}" for key in keys[:2])
    if isinstance(mine, tuple) and isinstance(fresh, tuple) and len(mine) == len(fresh):
        return "; ".join(
            _difference(left, right) for left, right in zip(mine, fresh, strict=True) if left != right
        )
    if isinstance(mine, list) and isinstance(fresh, list):
        mine, fresh = [row for row in mine if row not in fresh], [row for row in fresh if row not in mine]
    return f"{mine} / {fresh}"[:500]

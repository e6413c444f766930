"""C3: how long a decision takes and what it costs, for 4, 7, 16 and 31 voters.

Real nodes in the simulator, whose messages take half a round trip: time is the network's alone, so that the
figure is a number of round trips and not the speed of a machine. A decision is a proposal that somebody
writes while nothing else happens; it is final when the first node holds the certificate of its block. Then
nobody writes for ten minutes. A group grows to 31 voters in many months, so the bound on those who found one
together is lifted here.
"""

from unittest import mock

from p2pnode.core.ids import Lane
from p2pnode.governance import founding
from p2pnode.group_log import GroupLog
from tests.bench.figures import Figure, Options, figure
from tests.sim.assembly import QUICK_RULES
from tests.sim.plans import LABEL
from tests.sim.world import Case, Step, World

_COUNTS = (4, 7, 16, 31)
_ROUND_TRIP_MS = 100
_DECISIONS = 40
_FIRST_MS = 60_000
_APART_MS = 20_000
_IDLE_MS = 600_000


def measure(options: Options) -> list[Figure]:
    found = []
    for count in _COUNTS[: 1 if options.is_quick else None]:
        found += _group(count, options.scaled(_DECISIONS))
    return found


def _group(count: int, decisions: int) -> list[Figure]:
    names = tuple(f"voter{number}" for number in range(count))
    half_ms = _ROUND_TRIP_MS // 2
    steps: list[Step] = [[1, "slow", a, b, half_ms, half_ms, 0] for a in names for b in names if a != b]
    steps.append([100, "found", list(names), LABEL, {"decisions": QUICK_RULES}])
    times = [_FIRST_MS + number * _APART_MS for number in range(decisions)]
    for number, at_ms in enumerate(times):
        steps.append([at_ms, "propose", names[number % count], LABEL, "text", "", f"text {number}"])
    case = Case(f"finality of {count}", names, (), tuple(steps), times[-1] + _APART_MS)
    world = World(case)
    waits, costs, sizes, traffic = [], [], [], []

    def look(at_ms: int, before: dict[int, int]) -> None:
        found_ms = max(world.watch.chains.first_ms.values(), default=0)
        assert found_ms >= at_ms, "nothing was decided"
        waits.append((found_ms - at_ms) / _ROUND_TRIP_MS)
        rows = _rows(world, before)
        costs.append(len(rows))
        sizes.append(sum(rows))
        traffic.append(world.watch.counts["bytes"])

    def begin(at_ms: int) -> None:
        before = _ends(world)
        # What counts for cases that never come to rest does not for many decisions.
        world.watch.counts["frames"] = world.watch.counts["bytes"] = 0
        world.timeline.at(at_ms + _APART_MS - 2, lambda: look(at_ms, before))

    for at_ms in times:
        world.timeline.at(at_ms - 1, lambda at_ms=at_ms: begin(at_ms))  # type: ignore[misc]
    with mock.patch.object(founding, "FOUNDERS_MAX", max(count, founding.FOUNDERS_MAX)):
        outcome = world.play()
    assert not outcome.rule, f"{outcome.rule}: {outcome.detail}"
    written = world.watch.written()
    world.timeline.run_until(world.timeline.now_ms + _IDLE_MS)
    idle = world.watch.written() - written
    return [
        figure(f"c3.finality.{count}.p50", "round trips", [sorted(waits)[len(waits) // 2]]),
        figure(f"c3.finality.{count}.p95", "round trips", [sorted(waits)[len(waits) * 95 // 100]]),
        figure(f"c3.decision.{count}.entries", "entries of votes and proposals", costs, [2 * count + 1]),
        figure(f"c3.decision.{count}.bytes", "bytes of headers and payloads", sizes),
        figure(f"c3.decision.{count}.traffic", "bytes on all lines", traffic),
        figure(f"c3.idle.{count}", "entries in ten minutes without work", [idle]),
    ]


def _ends(world: World) -> dict[int, int]:
    """How far each voter's lane of votes reaches at the first node."""
    lanes = _log(world).lanes.values()
    return {lane.number: lane.seq for lane in lanes if lane.lane == Lane.VOTES}


def _rows(world: World, before: dict[int, int]) -> list[int]:
    """The bytes of each entry of votes since then, as the first node stores them."""
    log = _log(world)
    return [
        len(row.header) + len(row.signature or b"") + len(row.payload or b"")
        for number, seq in _ends(world).items()
        for row in log.file.entries(number, before.get(number, -1) + 1, seq)
    ]


def _log(world: World) -> GroupLog:
    node = world.machines["voter0"].node
    assert node is not None
    return node.logs[world.groups[LABEL]]

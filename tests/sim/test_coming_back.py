"""Voters who come back from restarts, one by one: what a quorum has begun is brought to its end."""

from tests.sim.scene import LABEL, NAMES, SETTINGS, motions, played, views_of, world_of
from tests.sim.world import Step

DAY_MS = 24 * 3_600_000


def test_what_a_quorum_notarized_and_gave_up_is_proposed_again_after_restarts() -> None:
    """Three voters name a block and skip the view two days later; the fourth, whom one of them meets
    then, makes it notarized. After the restarts nobody of those judges the block again but to propose it.
    """
    first, last = NAMES[:3], NAMES[3:5]
    steps: list[Step] = [
        *([4_000, "kill", name] for name in last),
        [5_000, "append", "alice", LABEL, "large", 3],
        *motions(6_000, "alice"),
        *([3 * DAY_MS, "kill", name] for name in first[:2]),
        [3 * DAY_MS + 60_000, "boot", "dave"],
        *([3 * DAY_MS + 150_000, "kill", name] for name in ("carol", "dave")),
        *([3 * DAY_MS + 600_000, "boot", name] for name in NAMES[:5]),
    ]
    world = world_of(5, steps, end_ms=3 * DAY_MS + 900_000, settings={**SETTINGS, "delta_seconds": 60})
    played(world)
    assert views_of(world)[0] == 1, "the first leader brought it to its end"

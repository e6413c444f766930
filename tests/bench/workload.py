"""What every figure is measured with: contributions of work whose payloads have about 180 bytes."""

from p2pnode.core.amount import amount_of
from p2pnode.core.events import Item
from p2pnode.economy.contribution import CONTRIBUTION_TYPE, Contribution, encode
from p2pnode.economy.measure import Measure

START_MS = 1_760_000_000_000
_WORDS = (
    "mended the fence by the upper field",
    "sorted the seed potatoes, filled crates",
    "kept the minutes of the assembly",
    "cooked for nineteen, cleaned after it",
    "repaired the pump, tested it twice",
)


def payload(number: int) -> bytes:
    """The payload of one contribution; two numbers never give the same bytes."""
    return encode(
        Contribution(
            "work",
            f"{_WORDS[number % len(_WORDS)]} ({number})",
            START_MS + number,
            "commons of the upper valley",
            "commons",
            effort_quantity=Measure(amount_of(15 + number % 80, -1), "hour"),
        )
    )


def items(first: int, count: int) -> tuple[Item, ...]:
    """Contributions to append."""
    return tuple(Item(CONTRIBUTION_TYPE, payload(number)) for number in range(first, first + count))

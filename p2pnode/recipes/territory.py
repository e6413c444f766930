"""A territory: what is heavy stays near, and everybody sees what is offered around them."""

from __future__ import annotations

from p2pnode.recipes.stage import Stage

TITLE = "A territory sees what is offered nearby"
TEMPLATE = "territory"
NAMES = ("Alice", "Bob", "Carol")

_HERE = "52.370,4.890"


def play(stage: Stage) -> None:
    """Offer and need things with a place and a reach, look around, and take something up."""
    stage.tells(
        "A bakery, an orchard and a workshop of one region tell each other what they have and need. "
        "Each is a group of its own elsewhere; federating their groups comes later."
    )
    alice, bob, carol = stage.found("Three valleys", TEMPLATE, NAMES)

    stage.tells("Every offer and need has a place, and says how far it reaches.")
    bread = alice.records("offer", "12 kg bread", "--at", _HERE, "--reach", "5", "--return", "apples")
    apples = bob.records("offer", "40 kg apples", "--at", "52.395,4.900", "--return", "bread")
    bob.types("need", "6h ladder repair", "--at", "52.395,4.900", "--reach", "70")
    carol.types("offer", "3h welding", "--at", "51.920,4.480")

    stage.tells("Carol's workshop is 60 km away. What is offered near the bakery, and who needs her?")
    stage.until_heard(alice, "feed", rows=4)
    alice.types("feed", "--offers", "--near", _HERE, "--within", "10")
    near = alice.asks("feed", "--offers", "--near", _HERE, "--within", "10")["rows"]
    stage.expects("the far workshop is not in it", {row["id"][:8] for row in near} == {bread, apples})
    stage.until_heard(carol, "feed", rows=4)
    carol.types("feed", "--needs", "--near", "51.920,4.480")
    stage.expects(
        "the need reaches her", len(carol.asks("feed", "--needs", "--near", "51.920,4.480")["rows"]) == 1
    )

    stage.tells("Two want the same apples. The order decides, and the later one sees what is left.")
    alice.types("take", apples, "35 kg")
    stage.until("Carol sees what is left", lambda: _left(carol.rows("feed", all="1"), apples) == "5 kg")
    carol.is_refused("take", apples, "10 kg")
    carol.types("take", apples, "5 kg")
    stage.until("nothing is left", lambda: _left(bob.rows("feed", all="1"), apples) == "0 kg")
    bob.types("promise", "list")


def _left(rows: list[dict[str, str]], offer: str) -> str:
    return next((row["left"] for row in rows if row["id"].startswith(offer)), "")

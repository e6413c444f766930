"""A circle of mutual aid: needs, gifts, and a decision that listens to an objection."""

from __future__ import annotations

from p2pnode.recipes.stage import Stage

TITLE = "A circle helps each other, and hears an objection"
TEMPLATE = "circle"
NAMES = ("Alice", "Bob", "Carol")


def play(stage: Stage) -> None:
    """Say a need, take it up, give, and decide twice: the first proposal is changed after an objection."""
    stage.tells("Three neighbours help each other. Nobody counts who owes whom: a gift is a gift.")
    alice, bob, carol = stage.found("Three Wells", TEMPLATE, NAMES)

    stage.tells("Alice moves house and says what she needs. Bob takes up a part of it.")
    need = alice.records("need", "6h help with moving", "--at", "Well Lane")
    stage.until_heard(bob, "feed")
    bob.types("take", need, "4h")
    bob.is_refused("take", need, "40h")
    stage.until_heard(alice, "promises")

    stage.tells("They carry boxes all day. What names somebody counts once they have signed it.")
    gift = bob.records("record", "work", "4h help with moving", "--to", "Alice", "--stream", "care")
    stage.until_heard(alice, "to-sign")
    alice.types("sign", gift)

    stage.tells("A common purchase. Carol says what would have to change, and so it is.")
    first = alice.records("propose", "text", "We buy a trailer for 900 EUR.", "--title", "A trailer")
    stage.until_heard(carol, "decisions")
    carol.is_refused("vote", first, "object")
    carol.types("vote", first, "no", "--reason", "900 is all we have; a used one does as well")
    alice.types("propose", "withdraw", first)
    second = carol.records(
        "propose", "text", "We buy a used one, up to 400 EUR.", "--title", "A used trailer"
    )
    for person in (alice, bob, carol):
        stage.until_heard(person, "decisions", rows=2)
        person.types("vote", second, "yes")
    stage.until(
        "it is adopted, on every node",
        lambda: all("passed" in _states(person.rows("decisions")) for person in stage.people),
    )
    bob.types("decisions")
    stage.until_final(gift)
    bob.types("balance", "me")


def _states(rows: list[dict[str, str]]) -> set[str]:
    return {row["state"] for row in rows}

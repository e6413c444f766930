"""A tool library: who has which tool when, in which condition it comes back, and who cares for it."""

from __future__ import annotations

from p2pnode.recipes.stage import Stage

TITLE = "A tool library lends, mends and keeps a calendar"
TEMPLATE = "tools"
NAMES = ("Alice", "Bob", "Carol")


def play(stage: Stage) -> None:
    """Book a thing that another wants too, hand it over and back, care for it, and lend it to a firm."""
    stage.tells("Alice, Bob and Carol put their tools together. What the group has, it has; nobody owns it.")
    alice, bob, carol = stage.found("Tool shed", TEMPLATE, NAMES)
    alice.types("record", "raise", "1 drill", "--new", "drill", "--to", "group")
    bob.types("record", "raise", "1 ladder", "--new", "Bob's ladder")
    for person in (bob, carol):
        stage.until_heard(person, "resources", rows=2)

    stage.tells("Bob and Carol want the drill for the same days. The order of the group decides.")
    booking = bob.records("thing", "book", "drill", "2030-05-03", "2030-05-05", "--note", "shelves")
    stage.until_heard(carol, "bookings")
    carol.is_refused("thing", "book", "drill", "2030-05-04", "2030-05-06")
    carol.types("thing", "book", "drill", "2030-05-05", "2030-05-06")
    carol.is_refused("thing", "book", "Bob's ladder", "2030-05-05", "2030-05-06")
    bob.types("thing", "mark", "Bob's ladder", "usable")
    stage.until(
        "Bob lends his ladder",
        lambda: carol.hears("/thing", thing="Bob's ladder")["marked_by"] == "Bob",
    )
    carol.types("thing", "book", "Bob's ladder", "2030-05-05", "2030-05-06")

    stage.tells("Bob fetches the drill and brings it back. Each time it is said in which condition it is.")
    bob.types("thing", "out", "drill", "--state", "as new")
    bob.types("thing", "back", "drill", "--state", "chuck worn")
    stage.until_final(booking)
    alice.types("thing", "show", "drill")

    stage.tells("Alice mends it. The hour of care counts for her and for the drill.")
    care = alice.records("thing", "care", "drill", "1h", "--note", "a new chuck")
    alice.types("balance", "me")
    stage.expects(
        "an hour of care was given",
        alice.asks("thing", "show", "drill")["care"] == ["1 h"],
    )

    stage.tells("A firm may use the shed too, and gives back what the licence says.")
    alice.types(
        *("commons", "open", "shed", "--thing", "drill"),
        *("--licence", "community: free", "--licence", "anyone: 2 EUR per hour"),
    )
    alice.types("agent", "add", "Wood Ltd")
    alice.types("commons", "use", "shed", "10h", "--by", "Wood Ltd")
    alice.types("commons", "standing", "shed", "Wood Ltd")

    stage.tells("Anybody sees who has what, and when.")
    stage.until_final(care)
    carol.types("bookings", "--all")

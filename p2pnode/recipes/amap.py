"""A vegetable-box scheme: a season in which eaters and a grower share the harvest and its risk."""

from __future__ import annotations

from p2pnode.recipes.stage import Person, Stage

TITLE = "A vegetable-box scheme shares a season"
TEMPLATE = "amap"
NAMES = ("Alice", "Bob", "Carol", "Dave", "Erin")


def play(stage: Stage) -> None:
    """Found the scheme, agree on a season, deliver, lose a harvest, and close with what remains."""
    stage.tells(
        "Alice grows vegetables. Bob, Carol, Dave and Erin eat them. They found their group together: "
        "there is no server, and nobody is its owner."
    )
    alice, bob, carol, dave, erin = stage.found("Valley boxes", TEMPLATE, NAMES)

    _decide_where(stage)

    stage.tells(
        "The season: each eater gets a box a week and gives work or money. If the harvest fails, all bear "
        "it, up to half. It holds once everybody has signed the same words."
    )
    clauses: list[str] = []
    for name in ("Bob", "Carol"):
        clauses += ["--clause", f"Alice gives {name} 3 kg vegetables, 40 times, every 7 days"]
    alice.types(
        *("agree", "propose", "season", *clauses),
        *("--clause", "Bob gives Alice 20h field work", "--clause", "Carol gives Alice 480 EUR"),
        *("--shared-risk", "50%", "--tolerance", "10%"),
    )
    for person in (bob, carol):
        stage.until_heard(person, "agreements")
        person.types("agree", "accept", "season")
    stage.until(
        "the agreement is in force",
        lambda: all(_season(one)["status"] == "accepted" for one in (alice, bob)),
    )

    stage.tells("The deliveries go into Bob's calendar, in their rhythm.")
    bob.types("export", "calendar", "-o", "season.ics")
    calendar = (stage.folder / "season.ics").read_text(encoding="utf-8")
    stage.expects("a delivery is in it every week", "INTERVAL=7" in calendar)

    stage.tells("Weeks go by. Erin packs the boxes, which is care for all.")
    erin.types("record", "work", "2h packing boxes", "--to", "group", "--stream", "care")
    stage.tells("A delivery names the promise that it fulfils, and needs no further signature.")
    delivery = alice.records("record", "transfer", "3 kg vegetables", "--to", "Bob", "--fulfills", "season/1")
    alice.types("record", "transfer", "3 kg vegetables", "--to", "Carol", "--fulfills", "season/2")
    bob.types("record", "work", "4h field work", "--to", "Alice", "--fulfills", "season/3")

    stage.tells("Dave switches his machine off. The others go on without him.")
    dave.switch_off()
    stage.tells("Hail. Alice says what is left of the harvest; up to half was agreed to be borne by all.")
    alice.types("agree", "reduce", "season", "1", "60kg", "--note", "hail in June")
    alice.types("agree", "reduce", "season", "2", "60kg", "--note", "hail in June")
    bob.types("agree", "show", "season")

    stage.tells("Too many courgettes, though. An offer to everybody; the first to take it has it.")
    alice.types("offer", "10 kg courgettes", "--at", "barn")
    stage.until_heard(erin, "feed")
    erin.types("feed")
    offer = str(erin.rows("feed")[0]["id"])[:8]
    erin.types("take", offer, "4kg")

    stage.tells("Dave is back. His node fetches what it missed, and checks every signature.")
    dave.switch_on()
    dave.wait_until_ready()
    stage.until_all_hold_the_same()

    stage.tells("The season ends before all was given. What is left is stated, and owed no more.")
    carol.types("agree", "close", "season")
    stage.until("Alice knows", lambda: _season(alice)["status"] == "closed")
    alice.types("agree", "show", "season")
    alice.types("balance")

    stage.tells("What Alice gave is hers to show. A stranger checks it with nothing but the file.")
    stage.until_final(delivery)
    alice.types("proof", "receipt", delivery, "-o", "box.proof")
    alice.types("proof", "verify", "box.proof")

    stage.tells(
        "How the scheme is doing: how many contribute, how evenly, what flows back. Nobody is ranked."
    )
    bob.types("figures")


def _season(person: Person) -> dict[str, str]:
    season: dict[str, str] = person.hears("/agreement", agreement="season")
    return season


def _decide_where(stage: Stage) -> None:
    alice, *others = stage.people
    stage.tells("They decide where the boxes are fetched. A proposal, and everybody's vote.")
    alice.types("propose", "text", "Boxes are fetched on Thursdays from 17 to 19 h.", "--title", "Thursdays")
    for person in others:
        stage.until_heard(person, "decisions")
        person.types("vote", "Thursdays", "yes")
    alice.types("vote", "Thursdays", "yes")
    stage.until(
        "the group has decided, on every node",
        lambda: all(
            any(row["state"] == "passed" for row in person.rows("decisions")) for person in stage.people
        ),
    )

"""An energy community: a roof, three households, and a key by which its electricity is shared."""

from __future__ import annotations

from pathlib import Path

from p2pnode.recipes.stage import Person, Stage

TITLE = "An energy community shares what its roof gave"
TEMPLATE = "energy"
NAMES = ("Alice", "Bob", "Carol")

_READINGS = 96
"""A day, in quarters of an hour."""


def play(stage: Stage) -> None:
    """Read meters, share a day's electricity by the charter's key, and explain a share."""
    stage.tells(
        "Alice has a solar roof; Bob and Carol are her neighbours. Whoever uses the sun first pays nobody: "
        "their charter says how it is shared."
    )
    alice, bob, carol = people = stage.found("Sun street", TEMPLATE, NAMES)

    stage.tells("Each has a meter. A day of readings comes as the grid operator's sheet has them.")
    for person, name, action, watt_hours in (
        (alice, "roof", "produce", 125),
        (bob, "house of Bob", "consume", 50),
        (carol, "house of Carol", "consume", 25),
    ):
        _read(stage, person, name, action, watt_hours)

    stage.tells("Imported again, nothing is counted twice.")
    alice.types("import", "meters", "roof.csv", "--map", "roof.toml")
    alice.types("meter", "months")

    stage.tells("The roof is for all, so its readings are on the group's account: nobody adds anything up.")
    stage.until_all_hold_the_same()
    carol.types("balance")
    bob.types("propose", "text", "We meet on the first Sunday.", "--title", "Meeting")
    for person in people:
        stage.until_heard(person, "decisions")
    stage.until("the readings are final", lambda: all(_are_in_order(person) for person in people))

    stage.tells("The key of the charter: to each what they used; what nobody used stays to be sold.")
    bob.types("distribute", "rules")
    bob.types("distribute", "preview", "kWh")
    run = bob.records("distribute", "propose", "kWh", "--title", "March")
    for person in people:
        stage.until_heard(person, "runs")
        person.types("vote", run, "yes")
    stage.until(
        "it is carried out",
        lambda: all(any(row["status"] == "carried out" for row in person.rows("runs")) for person in people),
    )
    carol.types("why", f"{run}/Carol")
    carol.types("balance", "me")


def _are_in_order(person: Person) -> bool:
    """Whether blocks have ordered all readings."""
    states = [row["state"] for row in person.asks("log", "show")["rows"] if row["type"] == "meter.read"]
    return len(states) == len(NAMES) and set(states) == {"final"}


def _read(stage: Stage, person: Person, name: str, action: str, watt_hours: int) -> None:
    """Install a meter and import a day of readings."""
    file = "roof" if action == "produce" else person.name.lower()
    _write_sheet(stage.folder, file, name, watt_hours)
    person.types("meter", "install", name, action, *(["--to", "group"] if action == "produce" else []))
    person.types("import", "meters", f"{file}.csv", "--map", f"{file}.toml")


def _write_sheet(folder: Path, file: str, name: str, watt_hours: int) -> None:
    times = (f"2026-03-01 {number // 4:02}:{number % 4 * 15:02}" for number in range(_READINGS))
    rows = "".join(f"{time},{watt_hours / 1000:.3f}\n" for time in times)
    (folder / f"{file}.csv").write_text(f"time,meter-7\n{rows}", encoding="utf-8")
    (folder / f"{file}.toml").write_text(
        f'time_is = "begin"\n[columns]\ntime = "time"\n[meters]\n"meter-7" = "{name}"\n', encoding="utf-8"
    )

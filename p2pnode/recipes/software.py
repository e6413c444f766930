"""A software commons: who wrote, tested or explained a program, who takes from it, and what comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from p2pnode.core.errors import UsageError
from p2pnode.recipes.stage import Person, Stage

TITLE = "A software commons counts who gave what, and shares what comes in"
TEMPLATE = "software"
NAMES = ("Alice", "Bob", "Carol", "Dave", "Erin")

_COMMITS = (
    ("Alice", "seeds.py", "def sow(bed):\n    return bed + 1\n", "Sow one seed a bed"),
    ("Bob", "README.md", "Counts seeds.\n", "Say what it is for"),
    ("Alice", "harvest.py", "def harvest(bed):\n    return bed * 12\n", "Harvest twelve of each"),
    ("Carol", "test_seeds.py", "from seeds import sow\n\nassert sow(1) == 2\n", "Test sowing"),
)


def play(stage: Stage) -> None:
    """Claim a git history, have its authors sign, license, share, check, and let in money from outside.

    Errors: StoryStopped, UsageError demo.no_git.
    """
    if shutil.which("git") is None:
        raise UsageError("demo.no_git", "This recipe needs git.", "Install git, or play another recipe.")
    stage.tells("Five people write a program together. They found their commons; each has a node and a vote.")
    people = stage.found("Seed counter", TEMPLATE, NAMES)
    alice, bob, carol, dave, erin = people

    _claim_the_history(stage, people)

    stage.tells("Not all work is code. Erin teaches the program to gardeners, and gives that too.")
    lesson = erin.records("record", "work", "3h teaching", "--to", "group", "--stream", "care")
    stage.until_heard(carol, "events", who="Erin")
    carol.types("attest", lesson, "uphold", "--as", "teaching")

    stage.tells("The licence is data: free for the community, five percent of sales for whoever sells it.")
    alice.types(
        *("commons", "open", "program", "--kind", "knowledge"),
        *("--licence", "community: free", "--licence", "anyone selling: 5% of EUR"),
    )
    alice.types("agent", "add", "Seeds Ltd")
    alice.types("agent", "add", "Village Bank")
    alice.types("commons", "use", "program", "4000 EUR", "selling", "--by", "Seeds Ltd")
    use = str(alice.asks("commons", "uses", "Seeds Ltd")[0]["id"])
    payment = alice.records(
        "record", "transfer", "200 EUR", "--from", "Seeds Ltd", "--to", "group", "--settles", use
    )
    alice.types("commons", "standing", "program", "Seeds Ltd")

    stage.tells("Nobody pays for the group alone, unless the group says so: Alice is to hold the till.")
    till = alice.records(
        *("propose", "mandate", "till", "--holder", "Alice", "--needed", "1"),
        *("--act", "transfer", "--title", "The till"),
    )
    _vote(stage, people, till)
    stage.until_final(payment)

    stage.tells("What came in is shared by the charter's rule. Every node computes it before anybody votes.")
    bob.types("distribute", "preview", "EUR")
    run = bob.records("distribute", "propose", "EUR", "--title", "Autumn")
    _vote(stage, people, run)
    stage.until(
        "each share is a claim on the group",
        lambda: any(row["status"] == "carried out" for row in carol.rows("runs")),
    )
    carol.types("why", f"{run}/Carol")

    stage.tells("Anybody computes it again from a file alone, without a node.")
    dave.types("export", "distribution", "Autumn", "-o", "autumn.json")
    dave.types("recompute", "autumn.json")

    stage.tells(
        "A bank lends 1000 EUR. At most 1200 ever flow back; then its claim is extinguished for ever. "
        "The group decides whether it wants that."
    )
    inflow = alice.records("transvest", "bring", "1000 EUR", "--cap", "120%", "--from", "Village Bank")
    loan = alice.records("propose", "commons", inflow, "--title", "The loan")
    _vote(stage, people, loan)
    back = alice.records("transvest", "return", inflow, "100 EUR")
    alice.types("sign", back, "--mandate", "till")
    alice.is_refused("transvest", "return", inflow, "1101 EUR")
    alice.types("transvest", "list")

    stage.tells(
        "How the commons is doing: how many contribute, how evenly, what flows back. Nobody is ranked."
    )
    erin.types("figures", "--plot", "figures.svg")


def _claim_the_history(stage: Stage, people: list[Person]) -> None:
    alice, bob, carol, dave, _ = people
    stage.tells("The program exists already. Dave imports its git history: each commit is a claim by him.")
    repository = _history(stage.folder)
    dave.types("import", "git", repository.name)
    stage.tells("A claim counts for nobody until its author signs it.")
    stage.until_heard(alice, "to-sign", rows=2)
    alice.types("sign")
    for author in (alice, bob, carol):
        stage.until_heard(author, "to-sign")
        author.types("sign", "--all", "--yes")
    stage.until(
        "their commits are contributions",
        lambda: len([row for row in dave.rows("events") if row["kind"] == "git commit"]) == len(_COMMITS),
    )
    dave.types("balance")


def _vote(stage: Stage, people: list[Person], proposal: str) -> None:
    """Everybody votes yes, and waits until it has passed everywhere."""
    stage.until("all have heard of it", lambda: all(_state(one, proposal) for one in people))
    for person in people:
        person.types("vote", proposal, "yes")
    stage.until(
        "it has passed, on every node", lambda: {_state(one, proposal) for one in people} == {"passed"}
    )


def _state(person: Person, proposal: str) -> str:
    return next((row["state"] for row in person.rows("decisions") if row["id"].startswith(proposal)), "")


def _history(folder: Path) -> Path:
    """A repository of three authors."""
    repository = folder / "seed-counter"
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch", "main")
    for name, file, text, message in _COMMITS:
        (repository / file).write_text(text, encoding="utf-8")
        _git(repository, "add", file)
        _git(repository, "commit", "--quiet", "-m", message, author=name)
    return repository


def _git(repository: Path, *words: str, author: str = "Alice") -> None:
    person = (("NAME", author), ("EMAIL", f"{author.lower()}@example.org"))
    said = {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in person}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        ["git", *words], cwd=repository, env=os.environ | quiet | said, check=True, stdin=subprocess.DEVNULL
    )

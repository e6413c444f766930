"""The `demo` command: plays stories of groups with real nodes in a folder of their own."""

from __future__ import annotations

import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from p2pnode.commands.terminal import remark, say
from p2pnode.recipes import RECIPES, recipe
from p2pnode.recipes.stage import Stage

_USUALLY = ("software", "amap")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LINES_MAX = 14
"""What a person can take in of one answer."""


def demo(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE]...", help=f"What to play: {', '.join(RECIPES)}.", show_default=False
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the nodes running, to look around.")] = False,
) -> None:
    """Play a group's life with five real nodes on this machine: software and amap, or others that you name.

    Each step is a command that you could type yourself. The nodes talk on loopback only, in a folder of their
    own; nothing of yours is touched, and nothing is left behind. Ctrl-C ends it at any time.

    Examples:
      p2pnode demo
      p2pnode demo tools circle
      p2pnode demo amap --keep
    """
    names = list(dict.fromkeys(recipes or _USUALLY))
    stories = [recipe(name) for name in names]
    folder = Path(tempfile.mkdtemp(prefix="p2pnode-demo-"))
    stages: list[Stage] = []
    is_kept = False
    try:
        with _ended_in_good_order():
            for name, story in zip(names, stories, strict=True):
                place = folder / name
                place.mkdir()
                say("", story.TITLE, "=" * len(story.TITLE))
                stages.append(Stage(place, _Shown()))
                story.play(stages[-1])
                if not keep:
                    stages.pop().stop()
            is_kept = keep
    except KeyboardInterrupt:
        remark("Stopped; the nodes of the demo are ended and their folder is removed.")
        raise typer.Exit(130) from None
    finally:
        if not is_kept:
            _clear_away(stages, folder)
    _say_what_next(stages, folder)


def _clear_away(stages: list[Stage], folder: Path) -> None:
    """End every node and remove their folder; a second Ctrl-C does not stop that half-way."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    for stage in stages:
        stage.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _say_what_next(stages: list[Stage], folder: Path) -> None:
    if not stages:
        say(
            "",
            "That was all; its nodes are ended, and their folder is removed. What to look at next:",
            "  p2pnode demo --keep           the same, and the nodes stay to look around in",
            f"  p2pnode demo RECIPE           one of {', '.join(RECIPES)}",
            "  p2pnode charter template amap its rules, to change and to found a group of your own with",
            "  p2pnode up                    a node of your own",
        )
        return
    say("", "The nodes are still running. Look around:")
    for stage in stages:
        for person in stage.people:
            say(f"  p2pnode --home {shlex.quote(str(person.path))} log     # {person.name}")
    homes = shlex.quote(str(folder)) + "/*/*/"
    say("Try also: members, stock, balance, agree, feed, decisions, distribute list, figures, why ID.")
    say("When you are done:")
    say(f'  for home in {homes}; do p2pnode --home "$home" down; done; rm -r {shlex.quote(str(folder))}')


@contextmanager
def _ended_in_good_order() -> Iterator[None]:
    """Treat a closed terminal and a request to end as Ctrl-C, which is heard in the background too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shown:
    """Prints a story as it goes."""

    def tells(self, sentence: str) -> None:
        say("", sentence)

    def types(self, name: str, command: str) -> None:
        say("", f"{name} $ {command}")

    def reads(self, output: str) -> None:
        lines = output.splitlines()
        say(*(f"    {line}" for line in lines[:_LINES_MAX]))
        if len(lines) > _LINES_MAX:
            say(f"    ... and {len(lines) - _LINES_MAX} lines more")

    def waits(self, what: str) -> None:
        remark(f"  ... until {what}")

    def sees(self, what: str) -> None:
        say(f"  So it is: {what}.")

"""Stories of groups, played by real nodes on one machine: what `p2pnode demo` shows and the tests run."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from p2pnode.core.errors import UsageError
from p2pnode.recipes.stage import Stage

RECIPES = ("amap", "circle", "energy", "software", "territory", "tools")
"""Every story, by the name of the charter template that it begins with."""


class Story(Protocol):
    """A module that plays one story."""

    TITLE: str

    def play(self, stage: Stage) -> None:
        """Play it. Errors: StoryStopped."""


def recipe(name: str) -> Story:
    """The story of that name. Errors: UsageError demo.unknown_recipe."""
    if name not in RECIPES:
        raise UsageError(
            "demo.unknown_recipe", f"There is no recipe {name!r}.", f"Choose from: {', '.join(RECIPES)}."
        )
    return cast(Story, import_module(f"p2pnode.recipes.{name}"))

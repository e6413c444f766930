"""Every recipe is played by real nodes, as its users would: only with commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.recipes import RECIPES, recipe
from p2pnode.recipes.stage import Silent, Stage

PLAYED_ELSEWHERE = "circle"
"""The test of the demo plays it."""


@pytest.mark.parametrize("name", [name for name in RECIPES if name != PLAYED_ELSEWHERE])
def test_a_recipe_is_played_to_its_end(name: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, Silent())
    try:
        recipe(name).play(stage)
    finally:
        stage.stop()

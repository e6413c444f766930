"""Every recipe is played by real nodes, as its users would: only with commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.recipes import RECIPES, recipe
from p2pnode.recipes.stage import Silent, Stage


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_played_to_its_end(name: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, Silent())
    try:
        recipe(name).play(stage)
    finally:
        stage.stop()

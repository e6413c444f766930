"""A fresh home in a folder with a space in its name."""

from pathlib import Path

import pytest

from p2pnode.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "the home")
    home.create()
    return home

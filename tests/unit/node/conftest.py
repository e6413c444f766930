from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.node.world import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Machine]:
    return lambda name: Machine(tmp_path, name)

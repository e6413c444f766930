"""Nodes for each test, in a folder of its own; every process ends with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.nodes import Running, nodes_in

Make = Callable[..., Running]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a node by its name, not started yet."""
    with nodes_in(tmp_path) as make:
        yield make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts processes, so that it can be left out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.process)

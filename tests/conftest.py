"""Settings for every test: where the checkout is, and how hypothesis behaves in an unattended run.

Not here: fixtures of one folder; they live in that folder's own conftest.py.
"""

import os
from pathlib import Path

import hypothesis
import pytest

# No deadline: a test never asserts a wall time, and a shared machine would make it fail by chance.
hypothesis.settings.register_profile("default", deadline=None)
# Same examples in every unattended run: a red run is red because of the change, and its replay is red too.
hypothesis.settings.register_profile("unattended", deadline=None, derandomize=True)
hypothesis.settings.load_profile("unattended" if os.environ.get("CI") else "default")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that start processes: they last longest, and the others fill the gaps."""
    items.sort(key=lambda item: item.get_closest_marker("process") is None)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Give the folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent

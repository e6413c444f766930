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


_LONGEST = (
    "tests/integration/test_killed.py",
    "tests/integration/test_five_founders.py",
    "tests/integration/test_recipes.py::test_a_recipe_is_played_to_its_end[software]",
    "tests/integration/test_one_of_five_dead.py",
)
"""What takes minutes, the longest first: whoever begins with it is not waited for at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that start processes: they last longest, and the others fill the gaps."""
    longest = [item for name in _LONGEST for item in items if item.nodeid.startswith(name)]
    others = [item for item in items if item not in set(longest)]
    starting = [item for item in others if item.get_closest_marker("process") is not None]
    short = [item for item in others if item.get_closest_marker("process") is None]
    # A worker that runs one test already holds the next: nothing that lasts waits behind the longest.
    items[:] = [*longest, *short[: len(_LONGEST)], *starting, *short[len(_LONGEST) :]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand out the tests as scheduling.py says, in the order from above."""
    from tests.scheduling import Scheduling

    config.option.loadscopereorder = False
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Give the folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent

"""The lock files: all dependencies pinned with hashes, no address, in agreement with pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.arch import tree

_LOCKS = ("requirements.txt", "requirements-test.txt")
_PROJECT = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["project"]


def _blocks(name: str) -> list[str]:
    text = (tree.ROOT / "scripts" / name).read_text()
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def _pins(name: str) -> dict[str, str]:
    pins = {}
    for block in _blocks(name):
        pin = re.match(r"([a-z0-9.-]+)==([^ ;]+)", block)
        assert pin, f"{name} holds something that is no pin: {block[:80]}"
        pins[pin[1]] = pin[2]
    return pins


@pytest.mark.parametrize("name", _LOCKS)
def test_every_pin_has_hashes_and_no_line_has_an_address(name: str) -> None:
    blocks = _blocks(name)
    assert len(blocks) > 50
    assert not [block[:60] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)]
    text = (tree.ROOT / "scripts" / name).read_text()
    assert "://" not in text
    assert not re.findall(r"--(?:extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize(
    ("name", "dependencies"),
    [
        ("requirements.txt", _PROJECT["dependencies"]),
        ("requirements-test.txt", _PROJECT["dependencies"] + _PROJECT["optional-dependencies"]["test"]),
    ],
)
def test_pins_fit_the_project(name: str, dependencies: list[str]) -> None:
    pins = _pins(name)
    for text in dependencies:
        wanted = Requirement(text)
        assert pins.get(wanted.name.lower()), f"run scripts/lock: {wanted.name} is not in {name}"
        assert wanted.specifier.contains(pins[wanted.name.lower()]), f"run scripts/lock: {text} does not fit"


def test_tests_run_what_users_run() -> None:
    assert _pins("requirements.txt").items() <= _pins("requirements-test.txt").items()

"""The checkout itself: what lies where, how long files are, and what no file may say."""

import ast
import os
import re
import subprocess
import tomllib
import warnings
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.arch import tree

_TOP_LEVEL = {"README.md", "cli.py", "config", "p2pnode", "protocols", "pyproject.toml", "scripts", "tests"}
_NO_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
_FILE_LINES_MAX = 600
_TEST_FILE_LINES_MAX = 900  # a table of cases is long without being hard to read
_FILE_LINES_WORTH_A_LOOK = 400
_FUNCTION_LINES_MAX = 90
_FUNCTION_LINES_WORTH_A_LOOK = 50
_TEXTS = (
    "CONSENSUS",
    "DESIGN",
    "FIELD",
    "HOUSE",
    "LIBP2P",
    "MISSION",
    "NETWORK",
    "PEERS",
    "RULINGS",
    "SPEED",
)
# Written so that this file does not match itself.
_NO_TEXTS = {
    "the host of a package registry": r"\b(?:pypi|pythonhosted|npmjs|crates|golang|debian)\.(?:org|com|io)\b",
    "a path of one machine": r"(?<![\w.<>{}])/(?:root|work|opt/pypi\w*|Users/\w+|home/\w+)/|[.]pyenv/",
    "a text outside the checkout": rf"\b(?:{'|'.join(_TEXTS)})\.md\b",
    "a mark of an unfinished merge": r"^(?:<{7}|>{7})(?: |$)",
    "unfinished work": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
}


def _name(path: Path) -> str:
    return str(path.relative_to(tree.ROOT))


def test_the_top_level_is_exactly_this() -> None:
    found = {path.relative_to(tree.ROOT).parts[0] for path in tree.files()}
    assert {name for name in found if not name.startswith(".")} <= _TOP_LEVEL


def test_every_folder_of_modules_is_a_package() -> None:
    # Without __init__.py the wheel would leave the folder out.
    folders = {
        path.parent
        for path in tree.files()
        if path.suffix == ".py" and _name(path).startswith(("p2pnode/", "protocols/"))
    }
    assert not [_name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()]


def test_the_wheel_carries_every_file() -> None:
    settings = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = settings["*"]
    left_behind = [
        _name(path)
        for path in tree.files()
        if _name(path).startswith(("p2pnode/", "protocols/"))
        and path.suffix != ".py"
        and not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert not left_behind, "add a pattern to [tool.setuptools.package-data]"
    too_deep = [
        _name(path)
        for path in tree.files()
        if _name(path).startswith("config/") and len(path.relative_to(tree.ROOT).parts) > 3
    ]
    assert not too_deep, "package-data reaches config/* and config/*/*"


def test_the_templates_are_found_beside_the_package() -> None:
    link = tree.ROOT / "p2pnode" / "config_files"
    assert link.is_symlink()
    assert os.readlink(link) == "../config"


def test_names_say_something() -> None:
    assert not [
        _name(path) for path in tree.files() if path.suffix == ".py" and path.stem.strip("_") in _NO_NAMES
    ]


@pytest.mark.parametrize("what", _NO_TEXTS)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(_NO_TEXTS[what], re.MULTILINE)
    found = [
        f"{_name(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path, text in tree.texts()
        for match in pattern.finditer(text)
    ]
    assert not found


@pytest.mark.filterwarnings("default::pytest.PytestWarning")
def test_files_and_functions_stay_short() -> None:
    too_long, worth_a_look = [], []
    for path in tree.files():
        if path.suffix != ".py":
            continue
        text = path.read_text()
        lines = text.count("\n")
        lines_max = _TEST_FILE_LINES_MAX if _name(path).startswith("tests/") else _FILE_LINES_MAX
        if lines > _FILE_LINES_WORTH_A_LOOK:
            (too_long if lines > lines_max else worth_a_look).append(f"{_name(path)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > _FUNCTION_LINES_WORTH_A_LOOK:
                    long = f"{_name(path)}: {node.name} has {lines} lines"
                    (too_long if lines > _FUNCTION_LINES_MAX else worth_a_look).append(long)
    if worth_a_look:
        warnings.warn(pytest.PytestWarning("worth a second look: " + "; ".join(worth_a_look)), stacklevel=1)
    assert not too_long


def test_scripts_run_and_parse() -> None:
    scripts = [path for path in tree.files() if _name(path).startswith(("scripts/", ".ci/"))]
    commands = [path for path in scripts if not path.suffix]
    assert not [_name(path) for path in commands if not os.access(path, os.X_OK)]
    shell = [path for path in scripts if path.suffix == ".sh" or path.read_bytes().startswith(b"#!/bin/sh\n")]
    for path in shell:
        parsed = subprocess.run(["sh", "-n", str(path)], check=False, capture_output=True, text=True)
        assert parsed.returncode == 0, parsed.stderr

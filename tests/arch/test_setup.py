"""scripts/setup.sh: what is missing is named first; interrupted and concurrent set-ups end well.

A stand-in for Python makes the environment and plays pip, so nothing is downloaded here either.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch import tree

# Answers as Python does, makes a .venv with itself inside, and notes what it was told.
_STAND_IN = """#!/bin/sh
case "$*" in
    *realpath*) echo "$STAND_IN" ;;
    "-m venv --clear "*)
        rm -rf "$4" && mkdir -p "$4/bin" && cp "$STAND_IN" "$4/bin/python" && echo venv >>"$NOTES" ;;
    "-m pip --version") ;;
    "-m pip install"*)
        echo "pip ${CPPFLAGS:-}" >>"$NOTES"
        [ -z "${HANG:-}" ] || { echo hanging >"$HANG"; exec sleep 100; }
        exit "${PIP_ENDS_WITH:-0}" ;;
    *cli.py*) shift; echo "ran $*" ;;
    *) exec "$REAL_PYTHON" "$@" ;;
esac
"""


class Checkout:
    """A copy of the scripts in a folder whose name has spaces."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a check out"
        shutil.copytree(tree.ROOT / "scripts", self.root / "scripts")
        self.notes = folder / "notes"
        stand_in = folder / "stand-in"
        stand_in.write_text(_STAND_IN)
        stand_in.chmod(0o755)
        # The remedies below are Debian's on every machine that runs this test.
        (folder / "bin").mkdir()
        (folder / "bin" / "apt-get").touch(mode=0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "CPPFLAGS": "",
            "NOTES": str(self.notes),
            "PYTHON": str(stand_in),
            "REAL_PYTHON": sys.executable,
            "STAND_IN": str(stand_in),
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "scripts" / "p2pnode"), *arguments],
            cwd="/",
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output, errors

    def noted(self) -> list[str]:
        return self.notes.read_text().split() if self.notes.exists() else []


@pytest.fixture
def copy(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def _compiler_without(header: str, folder: Path) -> str:
    compiler = folder / "compiler"
    refusal = f'for word; do case $word in *.c) ! grep -q "<{header}>" "$word" || exit 1 ;; esac; done'
    compiler.write_text(f'#!/bin/sh\n{refusal}\nexec cc "$@"\n')
    compiler.chmod(0o755)
    return str(compiler)


def _python_without(module: str, folder: Path) -> str:
    (folder / f"{module}.py").write_text("raise ImportError\n")
    return str(folder)


@pytest.mark.parametrize(
    ("header", "package"),
    [("stdlib.h", "build-essential"), ("Python.h", "python3-dev"), ("gmp.h", "libgmp-dev")],
)
def test_a_missing_header_is_named_with_its_remedy(
    copy: Checkout, tmp_path: Path, header: str, package: str
) -> None:
    status, output, errors = copy.run("status", CC=_compiler_without(header, tmp_path))
    assert (status, output, copy.noted()) == (1, "", [])
    assert "C compiler" in errors if header == "stdlib.h" else header in errors
    assert package in errors
    assert "Nothing was downloaded" in errors
    assert not (copy.root / ".venv").exists()


@pytest.mark.parametrize(("module", "package"), [("ensurepip", "python3-venv"), ("sqlite3", "sqlite")])
def test_a_missing_module_is_named_with_its_remedy(
    copy: Checkout, tmp_path: Path, module: str, package: str
) -> None:
    status, _, errors = copy.run("status", PYTHONPATH=_python_without(module, tmp_path))
    assert (status, copy.noted()) == (1, [])
    assert package in errors


def test_the_headers_of_homebrew_are_found(copy: Checkout, tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    brew = tmp_path / "bin" / "brew"
    brew.write_text(f'#!/bin/sh\n[ "$*" = "--prefix gmp" ] && echo "{tmp_path}"\n')
    brew.chmod(0o755)
    assert copy.run("status")[:2] == (0, "ran status\n")
    assert copy.noted() == ["venv", "pip", f"-I{tmp_path}/include"]


def test_an_old_python_is_named(copy: Checkout, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\n[ "$*" = --version ] && echo Python 3.9.2\n')
    old.chmod(0o755)
    status, _, errors = copy.run("status", PYTHON=str(old))
    assert (status, copy.noted()) == (1, [])
    assert "Python 3.11 or later is missing (found: Python 3.9.2)" in errors


def test_sets_up_once_and_hands_over_every_argument(copy: Checkout) -> None:
    status, output, errors = copy.run("group", "found", "two  words")
    assert (status, output) == (0, "ran group found two  words\n")
    assert "setting up" in errors
    assert copy.run("status") == (0, "ran status\n", "")
    assert copy.noted() == ["venv", "pip"]


def test_runs_through_a_link(copy: Checkout, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copy.root / "scripts" / "p2pnode")
    run = subprocess.run(
        [tmp_path / "link", "id"], cwd="/", env=copy.environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == "ran id\n"


def test_a_changed_lock_file_is_installed(copy: Checkout) -> None:
    copy.run("status")
    with (copy.root / "scripts" / "requirements.txt").open("a") as lock:
        lock.write("# changed\n")
    copy.run("status")
    assert copy.noted() == ["venv", "pip", "pip"]


def test_a_failed_download_is_told_and_tried_again(copy: Checkout) -> None:
    status, output, errors = copy.run("status", PIP_ENDS_WITH="1")
    assert (status, output) == (1, "")
    assert "Run the same command again" in errors
    assert copy.run("status")[:2] == (0, "ran status\n")


def test_a_killed_set_up_blocks_nobody_and_leaves_no_half_package(copy: Checkout, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hanging")
    process = copy.start("status", HANG=str(tmp_path / "hanging"))
    assert (tmp_path / "hanging").read_text() == "hanging\n"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert copy.run("status")[:2] == (0, "ran status\n")
    assert copy.noted() == ["venv", "pip", "venv", "pip"]


def test_two_first_runs_set_up_once(copy: Checkout) -> None:
    processes = [copy.start("status") for _ in range(4)]
    results = [process.communicate(timeout=300)[0] for process in processes]
    assert results == ["ran status\n"] * 4
    assert copy.noted() == ["venv", "pip"]

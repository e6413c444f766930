"""Reads a git repository with the git program: which commits it has, and what each one claims (J27).

Nothing of the repository is executed: no hooks, filters, external diffs or lazy fetches. A commit's root is
the end of its first-parent chain, so it depends on the commit alone and is the same in every clone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from p2pnode.core.errors import UsageError
from p2pnode.core.fields import is_plain_text
from p2pnode.core.limits import COUNTER_MAX

if TYPE_CHECKING:
    from p2pnode.local.shapes import GitClaim

AUTHOR_CHARACTERS_MAX = 200
CO_AUTHORS_MAX = 32
MESSAGE_BYTES_MAX = 32 * 1024
"""With the names above, an annex stays below its own bound."""

_COUNT_MAX = 2**32 - 1
_READ_BYTES = 256 * 1024
_TOKEN_BYTES_MAX = 64 * 1024 * 1024
_CHANGE = re.compile(rb"(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_OBJECT_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FORMAT = "%H%x00%at%x00%an <%ae>%x00%(trailers:key=Co-authored-by,valueonly,separator=%x0A)%x00%B%x00"
_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "log.showSignature=false",
    "-c",
    "log.showRoot=true",
    "-c",
    "log.diffMerges=off",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.commitGraph=false",
)


class Commit(NamedTuple):
    """A commit and the root it descends from, as git's hexadecimal ids."""

    id: str
    root: str


def read_commits(repository: Path, revision: str) -> list[Commit]:
    """Every commit that a revision reaches, parents first. Errors: UsageError git.*."""
    _check_repository(repository)
    tip = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not _OBJECT_ID.fullmatch(tip.stdout.strip()):
        return _nothing_there(repository, revision)
    start = tip.stdout.decode("ascii").strip()
    listing = _git(repository, "rev-list", "--topo-order", "--reverse", "--parents", start)
    if listing.returncode != 0:
        raise _failed(listing.stderr)
    commits: list[Commit] = []
    roots: dict[str, str] = {}
    for line in listing.stdout.decode("ascii").splitlines():
        commit, *parents = line.split()
        root = roots[commit] = roots[parents[0]] if parents else commit
        commits.append(Commit(commit, root))
    return commits


def read_claims(repository: Path, commits: Sequence[str]) -> Iterator[GitClaim]:
    """What each of the commits claims, in their order. Errors: UsageError git.failed."""
    with tempfile.TemporaryFile() as wanted, tempfile.TemporaryFile() as complaints:
        wanted.write("".join(f"{commit}\n" for commit in commits).encode("ascii"))
        wanted.seek(0)
        command = (
            *(
                "log",
                "--stdin",
                "--no-walk=unsorted",
                "-z",
                "--numstat",
                "-M",
                "-l1000",
                f"--format={_FORMAT}",
            ),
            *(
                "--encoding=UTF-8",
                "--no-color",
                "--no-ext-diff",
                "--no-textconv",
                "--no-mailmap",
                "--no-notes",
            ),
        )
        process = subprocess.Popen(
            _command(repository, *command),
            stdin=wanted,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(),
        )
        with process:
            assert process.stdout is not None
            try:
                yield from _parse(_tokens(process.stdout))
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            complaints.seek(0)
            raise _failed(complaints.read(4096))


def _check_repository(repository: Path) -> None:
    if shutil.which("git") is None:
        raise UsageError(
            "git.missing",
            "The program git is not installed.",
            "Install it, on Debian with `sudo apt-get install git`, and try again.",
        )
    if not repository.is_dir():
        raise UsageError(
            "git.no_folder", f"'{repository}' is not a folder.", "Name the folder of a git repository."
        )
    found = _git(repository, "rev-parse", "--is-shallow-repository")
    if found.returncode != 0:
        if b"dubious ownership" in found.stderr:
            raise _failed(found.stderr)
        raise UsageError(
            "git.no_repository",
            f"'{repository}' is not a git repository.",
            "Name the folder that holds .git.",
        )
    if found.stdout.strip() == b"true":
        raise UsageError(
            "git.shallow",
            f"'{repository}' is a shallow clone: its first commits are missing, and claims name the first.",
            f"Fetch the rest with: git -C '{repository}' fetch --unshallow",
        )


def _nothing_there(repository: Path, revision: str) -> list[Commit]:
    """An empty repository has nothing to import; a revision that is not there was mistyped."""
    if revision == "HEAD" and not _git(repository, "rev-list", "--all", "--max-count=1").stdout:
        return []
    raise UsageError(
        "git.no_revision",
        f"'{repository}' has no commit '{revision}'.",
        "Name a branch or tag; `git branch` lists them.",
    )


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """The pieces of a stream between zero bytes."""
    rest = b""
    while chunk := stream.read(_READ_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > _TOKEN_BYTES_MAX:
            raise UsageError(
                "git.failed", "A commit message is larger than 64 MiB.", "Leave this branch out."
            )
    if rest:
        yield rest


def _parse(tokens: Iterator[bytes]) -> Iterator[GitClaim]:
    """Claims from the output of `git log -z --numstat`: five fields a commit, then its changes."""
    token = next(tokens, None)
    while token is not None:
        if not _OBJECT_ID.fullmatch(token):
            raise UsageError("git.failed", "git answered in an unknown form.", "Use git 2.31 or later.")
        commit = token
        authored, author, co_authors, message = (next(tokens, b"") for _ in range(4))
        token = next(tokens, None)
        if token == b"":
            token = next(tokens, None)
        files = added = removed = 0
        while token is not None and (change := _CHANGE.fullmatch(token.removeprefix(b"\n"))):
            files += 1
            # A dash stands for the lines of a binary file.
            added += int(change[1]) if change[1] != b"-" else 0
            removed += int(change[2]) if change[2] != b"-" else 0
            if not change[3]:
                # A renamed file: its old and its new name follow.
                next(tokens, None)
                next(tokens, None)
            token = next(tokens, None)
        names = [_label(line) for line in co_authors.splitlines() if line.strip()]
        yield {
            "commit": commit.decode("ascii"),
            "authored_ms": _time_ms(authored),
            "files": min(files, _COUNT_MAX),
            "lines_added": min(added, _COUNT_MAX),
            "lines_removed": min(removed, _COUNT_MAX),
            "author": _label(author),
            "co_authors": list(dict.fromkeys(names))[:CO_AUTHORS_MAX],
            "message": _text(message, MESSAGE_BYTES_MAX).strip(),
        }


def _time_ms(seconds: bytes) -> int:
    """The author's date; git keeps what was typed, so dates outside of ours are moved to their edge."""
    try:
        return min(max(int(seconds) * 1000, 0), COUNTER_MAX)
    except ValueError:
        return 0


def _label(name: bytes) -> str:
    return " ".join(_text(name, 4 * AUTHOR_CHARACTERS_MAX).split())[:AUTHOR_CHARACTERS_MAX]


def _text(raw: bytes, bytes_max: int) -> str:
    """Text of any encoding, cut to a size and without control characters."""
    text = raw[:bytes_max].decode("utf-8", "replace")
    kept = "".join(one if is_plain_text(one, lines=True) else " " for one in text.replace("\r\n", "\n"))
    # A replaced byte has grown to three.
    return kept.encode()[:bytes_max].decode("utf-8", "ignore")


def _command(repository: Path, *arguments: str) -> list[str]:
    return ["git", "-C", str(repository), *_OPTIONS, *arguments]


def _environment() -> dict[str, str]:
    """The user's environment without what would point git at another repository, or make it ask or fetch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        _command(repository, *arguments),
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=_environment(),
    )


def _failed(complaint: bytes) -> UsageError:
    lines = complaint.decode("utf-8", "replace").strip() or "it gave no reason"
    return UsageError(
        "git.failed", f"git failed: {lines[:1000]}", "Mend the repository as git says, then import again."
    )

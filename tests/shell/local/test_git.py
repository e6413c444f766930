"""The git importer against real repositories that the git program makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.core.limits import ANNEX_BYTES_MAX
from p2pnode.importers import git as importer
from p2pnode.importers.git import read_claims, read_commits
from p2pnode.local.requests import GitClaimBody

IDENTITY = {
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.org",
    "GIT_COMMITTER_NAME": "Bob",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0200",
    "GIT_COMMITTER_DATE": "1700000100 +0000",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.run("init", "--quiet", "--initial-branch=main", *options)

    def run(self, *arguments: str, given: bytes | None = None, **environment: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=given,
            capture_output=True,
            check=True,
            env={**os.environ, **IDENTITY, **environment},
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(self, message: str | bytes, files: dict[str, bytes] | None = None, **environment: str) -> str:
        for name, content in (files or {}).items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.run("add", "--all")
        given = message if isinstance(message, bytes) else message.encode()
        self.run(
            "commit",
            "--quiet",
            "--allow-empty",
            "--allow-empty-message",
            "-F",
            "-",
            given=given,
            **environment,
        )
        return self.run("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "with space")


def claims_of(repository: Repository, revision: str = "HEAD") -> list[dict[str, object]]:
    commits = read_commits(repository.path, revision)
    found = list(read_claims(repository.path, [commit.id for commit in commits]))
    for claim in found:
        GitClaimBody.model_validate(claim)
    return found  # type: ignore[return-value]


def test_a_commit_says_what_it_changed(repository: Repository) -> None:
    first = repository.commit("Begin\n\nWith a body.\n", {"a.txt": b"1\n2\n3\n", "b.txt": b"x\n"})
    repository.commit(
        "Go on\n\nCo-authored-by: Bob <bob@example.org>\nco-authored-by: Eve <eve@example.org>\n",
        {"a.txt": b"1\nchanged\n3\nmore\n"},
    )
    one, two = claims_of(repository)
    assert one == {
        "commit": first,
        "authored_ms": 1_700_000_000_000,
        "files": 2,
        "lines_added": 4,
        "lines_removed": 0,
        "author": "Alice <alice@example.org>",
        "co_authors": [],
        "message": "Begin\n\nWith a body.",
    }
    assert (two["files"], two["lines_added"], two["lines_removed"]) == (1, 2, 1)
    assert two["co_authors"] == ["Bob <bob@example.org>", "Eve <eve@example.org>"]


def test_renamed_binary_empty_and_strangely_named_files(repository: Repository) -> None:
    repository.commit("one", {"old name.txt": b"line\n" * 50, "empty": b""})
    (repository.path / "old name.txt").rename(repository.path / "new\tname.txt")
    repository.commit("two", {"image": bytes(range(256)), "new\nline": b"1\n", "1\t2\tx": b"1\n"})
    repository.commit("three, without a change")
    one, two, three = claims_of(repository)
    assert (one["files"], one["lines_added"]) == (2, 50)
    # The rename changes one file and no line; the binary file counts as a file only.
    assert (two["files"], two["lines_added"], two["lines_removed"]) == (4, 2, 0)
    assert (three["files"], three["lines_added"], three["message"]) == (0, 0, "three, without a change")


def test_encodings_controls_and_lengths(repository: Repository) -> None:
    repository.run("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.commit("Café".encode("latin-1"))
    repository.run("config", "i18n.commitEncoding", "UTF-8")
    # The program `git commit` mends such a message; others do not.
    raw = repository.run("cat-file", "-p", repository.commit("broken here")).encode()
    raw = raw.replace(b"broken here", b"broken \xff\xfe bytes \x1b[31mred\x07") + b"\n"
    repository.run(
        "reset", "--quiet", repository.run("hash-object", "-t", "commit", "-w", "--stdin", given=raw)
    )
    repository.commit("é" * 100_000, GIT_AUTHOR_NAME="Ü" * 5000, GIT_AUTHOR_EMAIL="")
    repository.commit("", GIT_AUTHOR_NAME="\N{PILE OF POO}\N{RIGHT-TO-LEFT OVERRIDE}")
    latin, broken, long, empty = claims_of(repository)
    assert latin["message"] == "Café"
    assert broken["message"] == "broken \ufffd\ufffd bytes  [31mred"
    assert len(str(long["message"]).encode()) <= importer.MESSAGE_BYTES_MAX
    assert len(str(long["author"])) <= importer.AUTHOR_CHARACTERS_MAX
    assert empty["message"] == ""


def test_largest_claim_fits_into_an_annex(repository: Repository) -> None:
    people = "".join(f"Co-authored-by: {'é' * 300}{number} <x@example.org>\n" for number in range(100))
    repository.commit("é" * 100_000 + "\n\n" + people)
    (claim,) = claims_of(repository)
    names = [str(claim["author"]), str(claim["message"]), *claim["co_authors"]]  # type: ignore[misc]
    assert sum(len(name.encode()) for name in names) < ANNEX_BYTES_MAX - 1024


def test_merges_count_once_and_the_root_follows_first_parents(repository: Repository) -> None:
    root = repository.commit("root", {"a": b"1\n"})
    repository.run("checkout", "--quiet", "-b", "side")
    side = repository.commit("side", {"b": b"1\n2\n"})
    repository.run("checkout", "--quiet", "main")
    repository.commit("main", {"c": b"1\n"})
    repository.run("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    repository.run("checkout", "--quiet", "--orphan", "other")
    repository.run("rm", "-rf", "--quiet", ".")
    other = repository.commit("another beginning")
    repository.run("checkout", "--quiet", "main")
    repository.run("merge", "--quiet", "--allow-unrelated-histories", "-s", "ours", "-m", "join", "other")
    commits = read_commits(repository.path, "HEAD")
    order = [commit.id for commit in commits]
    assert len(order) == len(set(order)) == 6
    assert {commit.root for commit in commits if commit.id != other} == {root}
    assert next(commit.root for commit in commits if commit.id == other) == other
    assert order.index(side) > order.index(root)
    assert sum(int(str(claim["lines_added"])) for claim in claims_of(repository)) == 4
    assert [claim["commit"] for claim in claims_of(repository)] == order


def test_dates_outside_of_ours_move_to_their_edge(repository: Repository) -> None:
    commit = repository.run("cat-file", "-p", repository.commit("now"))
    raw = commit.replace("1700000000 +0200", "99999999999999999 +0000").encode() + b"\n"
    made = repository.run("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=raw)
    (claim,) = read_claims(repository.path, [made])
    assert 0 <= claim["authored_ms"] <= 2**53 - 1
    GitClaimBody.model_validate(claim)


def test_sha256_repository(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "long", "--object-format=sha256")
    commit = repository.commit("one", {"a": b"1\n"})
    assert len(commit) == 64
    assert [claim["commit"] for claim in claims_of(repository)] == [commit]


def test_bare_repository_and_folder_inside(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit("one", {"folder/a": b"1\n"})
    repository.run("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    assert read_commits(tmp_path / "bare", "HEAD")[0].id == commit
    assert read_commits(repository.path / "folder", "main")[0].id == commit


def test_empty_repository_has_nothing(repository: Repository) -> None:
    assert read_commits(repository.path, "HEAD") == []


def test_settings_of_the_repository_change_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"a.txt": b"1\n", ".gitattributes": b"*.txt diff=evil filter=evil\n"})
    before = claims_of(repository)
    trap = tmp_path / "trap"
    for setting in (
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
    ):
        repository.run("config", setting, f"touch '{trap}'; cat")
    repository.run("config", "log.showSignature", "true")
    repository.run("config", "log.diffMerges", "separate")
    repository.run("config", "diff.renames", "false")
    repository.run("config", "log.showRoot", "false")
    repository.run("config", "color.ui", "always")
    repository.run("config", "log.date", "relative")
    assert claims_of(repository) == before
    assert not trap.exists()


def test_surroundings_of_a_hook_do_not_lead_elsewhere(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit("one")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert read_commits(repository.path, "HEAD")[0].id == commit


@pytest.mark.parametrize("revision", ["no-such-branch", "--all", "-n1", "HEAD~5", "HEAD..HEAD", ""])
def test_wrong_revision_is_told(repository: Repository, revision: str) -> None:
    repository.commit("one")
    with pytest.raises(UsageError) as caught:
        read_commits(repository.path, revision)
    assert caught.value.rule == "git.no_revision"


def test_shallow_clone_is_refused_with_the_command_that_helps(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one")
    repository.commit("two")
    shallow = tmp_path / "shallow"
    repository.run("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(shallow))
    with pytest.raises(UsageError) as caught:
        read_commits(shallow, "HEAD")
    assert caught.value.rule == "git.shallow"
    assert "--unshallow" in caught.value.remedy


def test_no_repository_no_folder_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for path, rule in ((tmp_path / "plain", "git.no_repository"), (tmp_path / "absent", "git.no_folder")):
        with pytest.raises(UsageError) as caught:
            read_commits(path, "HEAD")
        assert caught.value.rule == rule
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        read_commits(tmp_path / "plain", "HEAD")
    assert caught.value.rule == "git.missing"


def test_damaged_repository_is_an_error_not_a_short_list(repository: Repository) -> None:
    repository.commit("one")
    second = repository.commit("two", {"a": b"1\n"})
    repository.commit("three")
    blob = repository.run("rev-parse", f"{second}^{{tree}}")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError) as caught:
        claims_of(repository)
    assert caught.value.rule == "git.failed"


def test_early_end_leaves_no_process(repository: Repository) -> None:
    for number in range(5):
        repository.commit(f"{number}")
    claims = read_claims(repository.path, [commit.id for commit in read_commits(repository.path, "HEAD")])
    assert next(claims)["message"] == "0"
    claims.close()

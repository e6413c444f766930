"""Backup and restore: whole or not at all, and never a way out of the home."""

import errno
import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pnode.backup import back_up, files_of, restore, write_archive
from p2pnode.core.errors import NodeError, StoreError, UsageError
from p2pnode.home import Home
from p2pnode.keyfile import create_key, open_key
from tests.unit.home.faults import PowerCut, every_fault, faulty_disk

_GROUP = "ab" * 32
_DATABASES = {
    "node.db": b"node" * 1000,
    "node.db-wal": b"log of node",
    f"groups/{_GROUP}.db": b"group" * 5000,
    f"groups/{_GROUP}.db-wal": b"",
}


@pytest.fixture
def full_home(home: Home) -> Home:
    create_key(home, recovery_commitment=b"c" * 32).begin()
    for name, content in {**_DATABASES, "node.toml": b"mdns = true\n"}.items():
        (home.path / name).write_bytes(content)
    home.make_token()
    home.write_api(1234)
    (home.path / "node.db-shm").write_bytes(b"memory")
    (home.path / "profiles").mkdir()
    (home.path / "profiles" / "key").write_bytes(b"somebody else's")
    return home


@pytest.fixture
def archive(full_home: Home, tmp_path: Path) -> Path:
    back_up(full_home, tmp_path / "my backup.tar")
    return tmp_path / "my backup.tar"


@pytest.fixture
def target(tmp_path: Path) -> Home:
    return Home(tmp_path / "deep" / "restored home")


def _contents(home: Home) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_of(home).items() if name != "key"}


def _is_empty(home: Home) -> bool:
    return not home.path.exists() or set(os.listdir(home.path)) <= {"lock"}


def test_a_restored_home_has_every_database_and_a_key_that_knows_it(
    full_home: Home, archive: Path, target: Home
) -> None:
    report = restore(target, archive)
    assert report.files == 6
    assert _contents(target) == _contents(full_home) == {**_DATABASES, "node.toml": b"mdns = true\n"}
    key = open_key(target)
    assert key.device_key == open_key(full_home).device_key
    assert key.moved
    assert not open_key(full_home).moved
    for path in files_of(target).values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.path.stat().st_mode) == 0o700
    target.create()


def test_an_archive_is_private_and_holds_no_token_and_no_other_profile(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as members:
        assert set(members.getnames()) == {"key", "node.toml", *_DATABASES, "manifest.json"}
    assert b"somebody else's" not in archive.read_bytes()


def test_a_backup_waits_for_nobody_and_takes_nothing_from_a_running_node(
    full_home: Home, tmp_path: Path
) -> None:
    with full_home.lock(), pytest.raises(UsageError) as caught:
        back_up(full_home, tmp_path / "backup.tar")
    assert caught.value.rule == "home.locked"
    assert not (tmp_path / "backup.tar").exists()


def test_copies_made_by_a_running_node_are_archived_under_their_names(
    full_home: Home, tmp_path: Path, target: Home
) -> None:
    (tmp_path / "copy").write_bytes(b"a copy")
    write_archive(tmp_path / "backup.tar", {"key": full_home.key, "node.db": tmp_path / "copy"})
    restore(target, tmp_path / "backup.tar")
    assert _contents(target) == {"node.db": b"a copy"}


def test_an_archive_is_never_written_over(full_home: Home, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_bytes(b"the last good one")
    with pytest.raises(UsageError) as caught:
        back_up(full_home, tmp_path / "backup.tar")
    assert caught.value.rule == "backup.exists"
    assert (tmp_path / "backup.tar").read_bytes() == b"the last good one"


def test_a_backup_of_nothing_or_into_nowhere_is_refused(home: Home, full_home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        back_up(Home(tmp_path / "none"), tmp_path / "backup.tar")
    assert caught.value.rule == "home.missing"
    with pytest.raises(UsageError) as caught:
        back_up(full_home, tmp_path / "none" / "backup.tar")
    assert caught.value.rule == "backup.no_folder"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_backup_that_fails_leaves_no_half_archive(full_home: Home, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    for step in every_fault(number):
        with faulty_disk(step, number) as disk:
            try:
                back_up(full_home, folder / "backup.tar")
            except StoreError as error:
                assert error.remedy
        if not disk.struck:
            break
        # A failure after the name is given leaves a whole archive.
        if (folder / "backup.tar").exists():
            restore(Home(tmp_path / f"restored {step}"), folder / "backup.tar")
            (folder / "backup.tar").unlink()
        assert os.listdir(folder) == []


def test_restore_refuses_a_home_that_is_lived_in(full_home: Home, archive: Path) -> None:
    before = full_home.key.read_bytes()
    with pytest.raises(UsageError) as caught:
        restore(full_home, archive)
    assert caught.value.rule == "home.not_empty"
    assert full_home.key.read_bytes() == before


def test_restore_does_not_touch_a_folder_with_other_files(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir(mode=0o755)
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(UsageError):
        restore(Home(folder), archive)
    assert os.listdir(folder) == ["letter.txt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_restore_says_when_there_is_no_archive(target: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        restore(target, tmp_path / "none.tar")
    assert caught.value.rule == "backup.missing"


def test_a_power_cut_anywhere_in_a_restore_never_leaves_a_home_that_starts_half(
    full_home: Home, archive: Path, tmp_path: Path
) -> None:
    for step in every_fault(PowerCut):
        target = Home(tmp_path / f"restored {step}")
        with faulty_disk(step, PowerCut) as disk:
            try:
                restore(target, archive)
            except PowerCut:
                pass
        if target.exists() and not target.restoring.exists():
            assert _contents(target) == _contents(full_home)
            assert open_key(target).moved
        elif target.restoring.exists():
            with pytest.raises(UsageError):
                target.create()
            with pytest.raises(UsageError):
                open_key(target)
        if not disk.struck:
            break
        if not target.exists() or target.restoring.exists():
            restore(target, archive)
        assert _contents(target) == _contents(full_home)
        assert open_key(target).moved


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_restore_that_fails_can_be_run_again(
    full_home: Home, archive: Path, tmp_path: Path, number: int
) -> None:
    for step in every_fault(number):
        target = Home(tmp_path / f"restored {step}")
        with faulty_disk(step, number) as disk:
            try:
                restore(target, archive)
            except StoreError as error:
                assert error.remedy
        if not disk.struck:
            break
        if not target.exists() or target.restoring.exists():
            restore(target, archive)
        assert _contents(target) == _contents(full_home)


def test_an_archive_larger_than_the_disk_is_refused_before_anything_is_written(
    archive: Path, target: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    statvfs = os.statvfs

    class _Small:
        f_bavail, f_frsize = 1, 512

    monkeypatch.setattr(
        os, "statvfs", lambda path: _Small if os.fspath(path) == str(target.path) else statvfs(path)
    )
    with pytest.raises(UsageError) as caught:
        restore(target, archive)
    assert caught.value.rule == "backup.no_room"
    assert _is_empty(target)


def _member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, content


def _write(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], *, manifest: object = None) -> None:
    listed = {
        member.name: {"file_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for member, content in members
    }
    manifest = manifest if manifest is not None else {"format": "p2pnode backup 1", "files": listed}
    with tarfile.open(path, "w") as archive:
        for member, content in [*members, _member("manifest.json", json.dumps(manifest).encode())]:
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    "extra",
    [
        _member("../evil", b"x"),
        _member("/evil", b"x"),
        _member("groups/../../evil", b"x"),
        _member("groups/" + "AB" * 32 + ".db", b"x"),
        _member("node.db\n", b"x"),
        _member("token", b"x"),
        _member(".restoring/key", b"x"),
        _member("node.db", type=tarfile.SYMTYPE, linkname="/evil"),
        _member("node.db", type=tarfile.LNKTYPE, linkname="key"),
        _member("node.db", type=tarfile.DIRTYPE),
        _member("node.db", type=tarfile.FIFOTYPE),
        _member("node.db", type=tarfile.CHRTYPE),
        _member("key", b"twice"),
        _member("manifest.json", b"{}"),
    ],
)
def test_nothing_leaves_the_home_and_only_known_files_enter(
    full_home: Home, target: Home, tmp_path: Path, extra: tuple[tarfile.TarInfo, bytes]
) -> None:
    _write(tmp_path / "archive.tar", [_member("key", full_home.key.read_bytes()), extra])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        restore(target, tmp_path / "archive.tar")
    assert caught.value.rule == "backup.damaged"
    assert _is_empty(target)
    assert set(tmp_path.rglob("*")) - before <= {target.path.parent, target.path, target.lock_file}


def test_a_member_that_claims_to_be_larger_than_its_content_is_refused(
    full_home: Home, target: Home, tmp_path: Path
) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "node.db"}
    hollow = _member(
        "node.db",
        b"1\n0\n1\n".ljust(512, b"\0") + b"x",
        pax_headers={**headers, "GNU.sparse.realsize": str(2**20)},
    )
    content = b"x".ljust(2**20, b"\0")
    listed = {
        name: {"file_bytes": len(one), "sha256": hashlib.sha256(one).hexdigest()}
        for name, one in {"key": full_home.key.read_bytes(), "node.db": content}.items()
    }
    manifest = {"format": "p2pnode backup 1", "files": listed}
    _write(tmp_path / "a.tar", [_member("key", full_home.key.read_bytes()), hollow], manifest=manifest)
    with pytest.raises(UsageError, match=r"'node.db' should not be"):
        restore(target, tmp_path / "a.tar")
    assert _is_empty(target)


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        [],
        {"format": "p2pnode backup 2", "files": {}},
        {"format": "p2pnode backup 1", "files": {}},
        {"format": "p2pnode backup 1", "files": {"key": {"file_bytes": 1, "sha256": ""}}},
        {"format": "p2pnode backup 1", "files": {"key": None}},
        {"format": "p2pnode backup 1", "files": 5},
    ],
)
def test_a_list_that_does_not_fit_is_damage(
    full_home: Home, target: Home, tmp_path: Path, manifest: object
) -> None:
    _write(tmp_path / "archive.tar", [_member("key", full_home.key.read_bytes())], manifest=manifest)
    with pytest.raises(UsageError) as caught:
        restore(target, tmp_path / "archive.tar")
    assert caught.value.rule == "backup.damaged"
    assert _is_empty(target)


def test_an_archive_without_a_readable_key_is_damage(target: Home, tmp_path: Path) -> None:
    for members in ([], [_member("node.db", b"x")], [_member("key", b"{}")], [_member("key", b"x" * 10**6)]):
        _write(tmp_path / "archive.tar", members)
        with pytest.raises(UsageError) as caught:
            restore(target, tmp_path / "archive.tar")
        assert caught.value.rule == "backup.damaged"
        assert _is_empty(target)


def test_every_cut_archive_is_refused(archive: Path, target: Home, tmp_path: Path) -> None:
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar"
    for size in [*range(0, len(content) - 10_240, 997)]:
        cut.write_bytes(content[:size])
        with pytest.raises(UsageError) as caught:
            restore(target, cut)
        assert caught.value.rule == "backup.damaged"
        assert _is_empty(target)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(position=st.integers(0, 60_000), noise=st.binary(min_size=1, max_size=8))
def test_a_changed_archive_restores_the_same_content_or_nothing(
    full_home: Home, archive: Path, tmp_path: Path, position: int, noise: bytes
) -> None:
    content = archive.read_bytes()
    changed = tmp_path / "changed.tar"
    changed.write_bytes(content[:position] + noise + content[position + len(noise) :])
    target = Home(tmp_path / f"restored {position} {noise.hex()}")
    try:
        restore(target, changed)
    except NodeError as error:
        assert isinstance(error, UsageError)
        assert error.rule == "backup.damaged"
        assert _is_empty(target)
    else:
        assert _contents(target) == _contents(full_home)
        for path in files_of(target).values():
            path.unlink()

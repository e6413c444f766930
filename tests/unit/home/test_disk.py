"""Files that are whole after any failure."""

import errno
import os
import stat
from pathlib import Path

import pytest

from p2pnode.core.errors import StoreError, UsageError
from p2pnode.disk import make_private_folder, read_bounded, store_error, write_durably
from tests.unit.home.faults import PowerCut, every_fault, faulty_disk


def test_a_written_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_durably(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_j34_content_is_on_the_disk_before_its_name_and_the_name_before_the_return(tmp_path: Path) -> None:
    with faulty_disk(1000, PowerCut) as disk:
        write_durably(tmp_path / "file", b"content")
    names = [name for name, _ in disk.operations]
    assert names == ["unlink", "open", "write", "fsync", "replace", "open", "fsync"]
    assert disk.operations[5] == ("open", str(tmp_path))


def test_a_power_cut_at_any_operation_leaves_the_old_or_the_new_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    found = set()
    for step in every_fault(PowerCut):
        write_durably(path, b"old")
        with faulty_disk(step, PowerCut) as disk:
            try:
                write_durably(path, b"new content")
            except PowerCut:
                pass
        found.add(path.read_bytes())
        if not disk.struck:
            break
    assert found == {b"old", b"new content"}
    write_durably(path, b"after")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
def test_a_refusing_disk_is_a_store_error_with_a_remedy_and_leaves_no_secret_behind(
    tmp_path: Path, number: int
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")
    for step in every_fault(number):
        with faulty_disk(step, number) as disk:
            try:
                write_durably(path, b"new")
            except StoreError as error:
                assert str(path) in error.message
                assert os.strerror(number) in error.message
                assert error.remedy
        assert path.read_bytes() in (b"old", b"new")
        assert os.listdir(tmp_path) == ["file"]
        if not disk.struck:
            break


def test_a_disk_that_writes_in_small_pieces_still_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    write_durably(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_link_left_at_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".file.new").symlink_to(tmp_path / "precious")
    write_durably(tmp_path / "file", b"content")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "file").is_symlink()


def test_a_folder_of_an_unknown_file_system_that_cannot_sync_names_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_durably(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        make_private_folder(tmp_path / "home")
    assert caught.value.rule == "home.not_a_folder"
    with pytest.raises(StoreError):
        make_private_folder(tmp_path / "home" / "below")


def test_reading_is_bounded_and_takes_only_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    assert read_bounded(tmp_path / "file", 5) == b"12345"
    assert read_bounded(tmp_path / "nothing", 5) is None
    with pytest.raises(UsageError, match="larger than 4 bytes"):
        read_bounded(tmp_path / "file", 4)
    with pytest.raises(UsageError, match="not a file"):
        read_bounded(tmp_path / "pipe", 4)
    with pytest.raises((UsageError, StoreError)):
        read_bounded(tmp_path, 4)


def test_every_refusal_says_what_to_do() -> None:
    assert "full" in store_error("writing", OSError(errno.ENOSPC, "")).remedy
    assert "read-only" in store_error("writing", OSError(errno.EROFS, "")).remedy
    assert store_error("writing", OSError("strange")).remedy

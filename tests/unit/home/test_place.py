"""J35: where a file lies."""

import fcntl
import os
from pathlib import Path

import pytest

from p2pnode import place
from p2pnode.place import Place, place_of

_HERE = Place("machine", 7, 11, 13, 17)


def _place_of(path: Path) -> Place:
    with path.open("rb") as file:
        return place_of(file.fileno())


def test_a_file_that_stays_has_one_place_and_a_copy_has_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "copy").write_bytes(b"x")
    first = _place_of(tmp_path / "file")
    os.rename(tmp_path / "file", tmp_path / "renamed")
    assert _place_of(tmp_path / "renamed").is_same(first)
    assert not _place_of(tmp_path / "copy").is_same(first)


def test_a_file_that_was_given_the_inode_of_a_removed_one_is_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    first = _place_of(tmp_path / "file")
    if not first.generation:
        pytest.skip("this file system tells no generations")
    places = []
    for _ in range(5):
        (tmp_path / "file").unlink()
        (tmp_path / "file").write_bytes(b"x")
        places.append(_place_of(tmp_path / "file"))
    assert not any(found.is_same(first) for found in places)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (_HERE, True),
        (_HERE._replace(machine="another"), False),
        (_HERE._replace(machine=""), True),  # a sandbox may hide the machine id
        (_HERE._replace(device=8), True),  # device numbers change when a computer starts
        (_HERE._replace(file_system=12), True),
        (_HERE._replace(device=8, file_system=12), False),
        (_HERE._replace(inode=14), False),
        (_HERE._replace(generation=18), False),
        (_HERE._replace(generation=0), True),
    ],
)
def test_which_differences_mean_another_place(other: Place, same: bool) -> None:
    assert _HERE.is_same(other) is same
    assert other.is_same(_HERE) is same


def test_file_systems_without_identity_do_not_all_look_alike() -> None:
    assert not _HERE._replace(device=8, file_system=0).is_same(_HERE._replace(file_system=0))


def test_no_written_file_is_at_the_place_of_an_unwritten_one() -> None:
    assert not _HERE.is_same(Place.nowhere())


def test_the_machine_id_itself_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine_id = tmp_path / "machine-id"
    monkeypatch.setattr(place, "_MACHINE_ID_FILES", (tmp_path / "none", machine_id))
    found = set()
    for content in ("", "uninitialized\n", "0123456789abcdef0123456789abcdef\n", "f" * 32, "g" * 5000):
        machine_id.write_text(content)
        machine = _place_of(machine_id).machine
        assert not machine or machine not in content
        found.add(machine)
    assert len(found) == 3  # none, and one for each of the two whole ids


def test_systems_without_generations_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError("not here")

    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(fcntl, "ioctl", refuse)
    assert _place_of(tmp_path / "file").generation == 0

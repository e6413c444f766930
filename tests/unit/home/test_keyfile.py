"""The key file: private, whole after any failure, and able to tell a restored home (J35)."""

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pnode.core.crypto import is_signed
from p2pnode.core.errors import FormatError, NodeError, StoreError, UsageError
from p2pnode.disk import write_durably
from p2pnode.home import Home
from p2pnode.keyfile import NEVER_STARTED, KeyFile, create_key, mark_restored, open_key, read_public
from p2pnode.sealing import Effort
from tests.unit.home.faults import PowerCut, every_fault, faulty_disk

_COMMITMENT = b"c" * 32
_QUICK = Effort(passes=1, memory_bytes=8192)


def _create(home: Home, passphrase: str | None = None) -> KeyFile:
    return create_key(home, recovery_commitment=_COMMITMENT, passphrase=passphrase, effort=_QUICK)


def _fields(home: Home) -> dict[str, object]:
    fields: dict[str, object] = json.loads(home.key.read_text())
    return fields


def test_a_key_opens_as_it_was_made(home: Home) -> None:
    made = _create(home)
    opened = open_key(home)
    assert opened.device_key == made.device_key == opened.signing_key.public
    assert is_signed(made.device_key, b"message", opened.signing_key.sign(b"message"))
    assert opened.recovery_commitment == _COMMITMENT
    assert not opened.moved
    assert not opened.is_sealed
    assert stat.S_IMODE(home.key.stat().st_mode) == 0o600


def test_two_homes_have_two_keys(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.create()
    assert _create(home).device_key != _create(other).device_key


def test_a_key_is_never_replaced(home: Home) -> None:
    made = _create(home)
    with pytest.raises(UsageError) as caught:
        _create(home)
    assert caught.value.rule == "key.exists"
    assert open_key(home).device_key == made.device_key


@pytest.mark.parametrize("database", ["node.db", "groups/" + "0" * 64 + ".db"])
def test_databases_whose_key_is_gone_get_no_new_one(home: Home, database: str) -> None:
    (home.path / database).write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        _create(home)
    assert caught.value.rule == "key.lost"


def test_a_missing_key_says_how_to_make_one(home: Home) -> None:
    for read in (open_key, read_public):
        with pytest.raises(UsageError) as caught:
            read(home)
        assert caught.value.rule == "home.missing"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o777])
def test_a_key_that_others_can_reach_is_refused_with_the_command_that_mends_it(home: Home, mode: int) -> None:
    _create(home)
    home.key.chmod(mode)
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.not_private"
    assert caught.value.remedy == f"run: chmod 600 '{home.key}'"
    home.key.chmod(0o400)
    open_key(home)


def test_a_link_or_a_pipe_is_no_key(home: Home, tmp_path: Path) -> None:
    _create(home)
    os.rename(home.key, tmp_path / "elsewhere")
    home.key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.not_a_file"
    home.key.unlink()
    os.mkfifo(home.key, 0o600)
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.not_a_file"


def test_a_disk_that_cannot_keep_modes_is_refused_before_the_secret_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777: opened(path, flags, mode | 0o044))
    before = os.umask(0)
    try:
        with pytest.raises(StoreError, match="cannot keep a file private"):
            _create(home)
    finally:
        os.umask(before)
    assert not home.exists()


def test_a_sealed_key_opens_with_its_passphrase_only(home: Home) -> None:
    made = _create(home, "correct horse")
    assert made.signing_key.seed.hex() not in home.key.read_text()
    assert open_key(home, "correct horse").device_key == made.device_key
    assert open_key(home, "correct horse").is_sealed
    with pytest.raises(UsageError) as caught:
        open_key(home, "wrong horse")
    assert caught.value.rule == "key.passphrase_wrong"
    assert "recovery phrase" in caught.value.remedy
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.passphrase_needed"
    assert "P2PNODE_PASSPHRASE" in caught.value.remedy


def test_the_public_part_needs_no_passphrase(home: Home) -> None:
    made = _create(home, "correct horse")
    public = read_public(home)
    assert public.device_key == made.device_key
    assert public.is_sealed
    assert public.recovery_commitment == _COMMITMENT


def test_accents_may_be_typed_on_any_keyboard(home: Home) -> None:
    _create(home, "caf\u00e9")
    open_key(home, "cafe\u0301")


@pytest.mark.parametrize("passphrase", ["", "  \t"])
def test_an_empty_passphrase_protects_nothing_and_is_refused(home: Home, passphrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        _create(home, passphrase)
    assert caught.value.rule == "key.passphrase_empty"
    assert not home.exists()


def test_the_passphrase_can_be_set_changed_and_taken_away(home: Home) -> None:
    made = _create(home)
    made.change_passphrase("one", _QUICK)
    assert made.signing_key.seed.hex() not in home.key.read_text()
    open_key(home, "one").change_passphrase("two", _QUICK)
    with pytest.raises(UsageError):
        open_key(home, "one")
    open_key(home, "two").change_passphrase(None)
    assert open_key(home).device_key == made.device_key


def test_a_key_that_opens_another_secret_than_it_shows_is_damaged(home: Home) -> None:
    _create(home)
    fields = _fields(home)
    fields["seed"] = "00" * 32
    write_durably(home.key, json.dumps(fields).encode())
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.damaged"
    assert "restore" in caught.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"format": "p2pnode key 2"},
        {"seed": None},
        {"seed": "00"},
        {"seed": 5},
        {"sealed_seed": {}},
        {"device_key": "did:key:z6Mk"},
        {"device_key": None},
        {"recovery_commitment": "00"},
        {"incarnation": "zz"},
        {"moved": 1},
        {"place": []},
        {"place": {"machine": "", "device": "1", "file_system": 0, "inode": 0, "generation": 0}},
        {
            "seed": None,
            "sealed_seed": {"passes": 1, "memory_bytes": 2**50, "salt": "00" * 16, "sealed": "00" * 72},
        },
        {
            "seed": None,
            "sealed_seed": {"passes": 10**9, "memory_bytes": 8192, "salt": "00" * 16, "sealed": "00" * 72},
        },
        {"seed": None, "sealed_seed": {"passes": 1, "memory_bytes": 8192, "salt": "00" * 16, "sealed": "00"}},
    ],
)
def test_a_changed_field_is_damage_and_never_a_crash(home: Home, change: dict[str, object]) -> None:
    _create(home)
    write_durably(home.key, json.dumps({**_fields(home), **change}).encode())
    with pytest.raises(UsageError) as caught:
        open_key(home, "x")
    assert caught.value.rule == "key.damaged"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 2000), noise=st.binary(max_size=4), cut=st.booleans())
def test_changed_bytes_give_the_same_key_or_an_error(
    home: Home, position: int, noise: bytes, cut: bool
) -> None:
    home.key.unlink(missing_ok=True)
    made = _create(home)
    content = home.key.read_bytes()
    rest = b"" if cut else content[position + len(noise) :]
    write_durably(home.key, content[:position] + noise + rest)
    try:
        assert open_key(home, "x").device_key == made.device_key
    except NodeError as error:
        assert isinstance(error, UsageError)


def test_an_endless_key_file_is_not_read_into_memory(home: Home) -> None:
    write_durably(home.key, b"[" * 1_000_000)
    with pytest.raises(UsageError, match="far too long"):
        open_key(home)


def test_deep_nesting_is_damage(home: Home) -> None:
    write_durably(home.key, b"[" * 16_000)
    with pytest.raises(UsageError) as caught:
        open_key(home)
    assert caught.value.rule == "key.damaged"


# J35: restored, copied, moved


def test_j35_a_start_in_the_same_place_is_not_a_move(home: Home) -> None:
    _create(home)
    for _ in range(3):
        key = open_key(home)
        assert not key.moved
        key.begin()


def test_j35_a_home_that_was_renamed_on_its_disk_did_not_move(home: Home, tmp_path: Path) -> None:
    _create(home).begin()
    os.rename(home.path, tmp_path / "renamed")
    assert not open_key(Home(tmp_path / "renamed")).moved


def test_j35_a_copied_key_knows_it_until_peers_have_confirmed(home: Home, tmp_path: Path) -> None:
    _create(home).begin()
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.path, copy.path)
    assert not open_key(home).moved
    for _ in range(2):
        key = open_key(copy)
        assert key.moved
        key.begin()  # the write gives the file a new inode, but does not hide that it was moved
    open_key(copy).settle()
    assert not open_key(copy).moved


def test_j35_another_machine_is_a_move(home: Home) -> None:
    _create(home)
    fields = _fields(home)
    place = fields["place"]
    assert isinstance(place, dict)
    write_in_place = json.dumps({**fields, "place": {**place, "machine": "f" * 64}})
    with home.key.open("r+") as file:  # the same inode
        file.write(write_in_place)
        file.truncate()
    assert open_key(home).moved is bool(place["machine"])


def test_j35_a_key_taken_back_from_an_archive_knows_it_whatever_inode_it_gets(home: Home) -> None:
    _create(home)
    content = home.key.read_bytes()
    write_durably(home.key, mark_restored(content))
    assert open_key(home).moved
    with pytest.raises(FormatError):
        mark_restored(b"{}")


# J35: incarnations, with the pair as node.db would hold it


def test_j35_every_start_has_a_new_incarnation_and_knows_the_last(home: Home) -> None:
    key = _create(home)
    seen = [NEVER_STARTED]
    for _ in range(3):
        assert key.previous_incarnation == seen[-1]
        assert key.incarnation not in seen
        seen.append(key.incarnation)
        key.begin()
        key = open_key(home)


def _start(home: Home, stored: tuple[bytes, bytes] | None, fault_at: int = 1000) -> tuple[bytes, bytes]:
    """The start protocol; the pair is durable in node.db before the key file is written."""
    key = open_key(home)
    assert key.continues(stored)
    pair = (key.incarnation, key.previous_incarnation)
    with faulty_disk(fault_at, PowerCut):
        try:
            key.begin()
        except PowerCut:
            pass
    return pair


def test_j35_a_power_cut_anywhere_in_a_start_is_never_taken_for_a_restore(home: Home) -> None:
    _create(home)
    stored = None
    for step in range(1, 20):
        stored = _start(home, stored, fault_at=step)
        stored = _start(home, stored, fault_at=step)
        stored = _start(home, stored)


def test_j35_old_databases_under_a_newer_key_do_not_continue(home: Home) -> None:
    _create(home)
    old = _start(home, None)
    middle = _start(home, old)
    newest = _start(home, middle)
    key = open_key(home)
    assert key.continues(newest)
    assert not key.continues(middle)
    assert not key.continues(old)
    assert not key.continues(None)  # node.db is gone although this key has been used


def test_j35_an_old_key_under_newer_databases_does_not_continue(home: Home) -> None:
    _create(home)
    stored = _start(home, None)
    old_key = home.key.read_bytes()
    for _ in range(2):
        stored = _start(home, stored)
    write_durably(home.key, old_key)
    assert not open_key(home).continues(stored)


# Failing disks


def test_a_power_cut_while_a_key_is_made_leaves_none_or_a_whole_one(home: Home) -> None:
    outcomes = set()
    for step in every_fault(PowerCut):
        home.key.unlink(missing_ok=True)
        with faulty_disk(step, PowerCut) as disk:
            try:
                _create(home)
            except PowerCut:
                pass
        if home.exists():
            assert not open_key(home).moved
        else:
            _create(home)
        outcomes.add(disk.struck)
        if not disk.struck:
            break
    assert outcomes == {True, False}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_refusing_disk_never_costs_the_key(home: Home, number: int) -> None:
    made = _create(home)
    for step in every_fault(number):
        key = open_key(home)
        failed = False
        with faulty_disk(step, number) as disk:
            try:
                key.begin()
            except StoreError:
                failed = True
        assert failed is disk.struck
        again = open_key(home)
        assert again.device_key == made.device_key
        assert not again.moved
        assert again.continues((key.incarnation, key.previous_incarnation))
        if not disk.struck:
            break

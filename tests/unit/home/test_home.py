"""Which folder is the home, who may use it, what it tells other processes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from p2pnode.core.errors import StoreError, UsageError
from p2pnode.disk import write_durably
from p2pnode.home import Api, Home, profiles, resolve_home
from p2pnode.local.client import Client, NotRunning

_ENVIRONMENT = {"XDG_DATA_HOME": "/data"}


def test_the_home_is_the_option_then_the_profile_then_the_environment_then_the_default() -> None:
    environment = {**_ENVIRONMENT, "P2PNODE_HOME": "/from/environment"}
    assert resolve_home("/option", None, environment) == Path("/option")
    assert resolve_home(None, "second", environment) == Path("/data/p2pnode/profiles/second")
    assert resolve_home(None, None, environment) == Path("/from/environment")
    assert resolve_home(None, None, _ENVIRONMENT) == Path("/data/p2pnode")


def test_a_relative_data_folder_is_ignored_as_its_specification_demands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    assert resolve_home(None, None, {"XDG_DATA_HOME": "here"}) == Path("/somebody/.local/share/p2pnode")


def test_a_relative_option_is_seen_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somebody")
    assert resolve_home("a b", None, {}) == tmp_path / "a b"
    assert resolve_home("~/node", None, {}) == Path("/somebody/node")


@pytest.mark.parametrize("profile", ["", "Second", "../x", "a/b", "-x", "x" * 33, "é", "a\n"])
def test_a_profile_that_could_leave_its_folder_is_refused(profile: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_home(None, profile, _ENVIRONMENT)
    assert caught.value.rule == "home.bad_profile"


@pytest.mark.parametrize(("option", "profile"), [("/a", "b"), ("", None), ("  ", None)])
def test_an_unclear_home_is_refused(option: str, profile: str | None) -> None:
    with pytest.raises(UsageError):
        resolve_home(option, profile, _ENVIRONMENT)


def test_an_empty_variable_does_not_silently_choose_another_identity() -> None:
    with pytest.raises(UsageError, match="P2PNODE_HOME is empty"):
        resolve_home(None, None, {**_ENVIRONMENT, "P2PNODE_HOME": ""})


def test_two_profiles_are_two_homes(tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    assert profiles(environment) == []
    for name in ("second", "first"):
        home = Home(resolve_home(None, name, environment))
        home.create()
        write_durably(home.key, b"")
    Home(resolve_home(None, "unused", environment)).create()
    assert profiles(environment) == ["first", "second"]
    with (
        Home(resolve_home(None, "first", environment)).lock(),
        Home(resolve_home(None, "second", environment)).lock(),
    ):
        pass


def test_a_new_home_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Home(tmp_path / "deep" / "home")
        home.create()
    finally:
        os.umask(before)
    for folder in (home.path, home.groups_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_that_others_can_enter_becomes_private(home: Home) -> None:
    write_durably(home.key, b"")
    home.path.chmod(0o755)
    home.create()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_folder_with_other_files_is_neither_used_nor_changed(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        Home(tmp_path).create()
    assert caught.value.rule == "home.not_empty"
    assert os.listdir(tmp_path) == ["letter.txt"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_an_empty_disk_and_a_prepared_configuration_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    Home(tmp_path).create()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "node.toml").write_text("")
    Home(tmp_path / "second").create()


def test_a_home_whose_restore_was_interrupted_does_not_start(home: Home) -> None:
    home.restoring.mkdir()
    with pytest.raises(UsageError) as caught:
        home.create()
    assert caught.value.rule == "home.half_restored"


def test_a_second_process_is_refused_and_told_who_is_there(home: Home) -> None:
    program = (
        "import sys; from pathlib import Path; from p2pnode.home import Home\n"
        f"with Home(Path({str(home.path)!r})).lock(): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(UsageError) as caught, home.lock():
            pass
        assert caught.value.rule == "home.locked"
        assert f"process {other.pid} is using {home.path}" in caught.value.message
        with pytest.raises(NotRunning, match=f"starting or stopping .process {other.pid}"):
            Client(home)
        other.kill()
        other.wait()
        with pytest.raises(NotRunning, match="Start it with `p2pnode up`"):
            Client(home)
    with home.lock():
        assert home.lock_file.read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_after_an_error(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), home.lock():
        raise ZeroDivisionError
    with home.lock():
        pass


def test_locking_a_home_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no node in") as caught, Home(tmp_path / "none").lock():
        pass
    assert "p2pnode init" in caught.value.remedy


def test_a_link_in_place_of_the_lock_is_not_followed(home: Home, tmp_path: Path) -> None:
    home.lock_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError), home.lock():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_address_of_the_api_is_told_and_taken_back(home: Home) -> None:
    assert home.read_api() is None
    home.write_api(4321)
    assert home.read_api() == Api(4321, os.getpid())
    home.forget_api()
    assert home.read_api() is None
    home.forget_api()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"port": 1}', b'{"port": "1", "pid": 2}', b'{"port": 0, "pid": 1}', b"\xff"],
)
def test_a_changed_api_file_means_that_no_node_runs(home: Home, content: bytes) -> None:
    home.api.write_bytes(content)
    assert home.read_api() is None


def test_the_token_stays_and_is_private(home: Home) -> None:
    assert home.read_token() is None
    token = home.make_token()
    assert len(token) == 64
    assert home.make_token() == home.read_token() == token
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 65])
def test_a_damaged_token_is_replaced(home: Home, content: bytes) -> None:
    home.token.write_bytes(content)
    assert home.read_token() is None
    assert home.make_token() == home.read_token()


def test_disk_use_counts_the_logs_of_databases_and_leaves_other_files_out(home: Home) -> None:
    first, second = bytes(32), b"\x01" * 32
    home.node_db.write_bytes(b"x" * 100)
    home.group_db(first).write_bytes(b"x" * 10)
    home.group_db(first).with_name(first.hex() + ".db-wal").write_bytes(b"x" * 5)
    home.group_db(second).write_bytes(b"x" * 7)
    (home.groups_dir / "strange.db").write_bytes(b"x")
    use = home.disk_use()
    assert use.groups == {first.hex(): 15, second.hex(): 7}
    assert use.node_bytes == 100
    assert use.free_bytes > 0
    assert home.group_dbs() == [home.group_db(first), home.group_db(second)]


def test_the_modules_that_every_command_reads_import_no_cryptography() -> None:
    program = (
        "import sys; import p2pnode.home, p2pnode.config, p2pnode.logs; "
        "print([name for name in sys.modules if name in {'nacl', 'tarfile', 'mnemonic', 'difflib'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

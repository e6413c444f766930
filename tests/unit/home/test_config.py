"""Local settings: their order, their errors, and the generated file."""

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pnode.config import (
    Config,
    check_address,
    check_listen_address,
    check_peer_address,
    load_config,
    render_toml,
)
from p2pnode.core.errors import UsageError

_PEER = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "node.toml"


def test_a_node_needs_no_file(file: Path) -> None:
    loaded = load_config(file, environment={})
    assert loaded.config == Config()
    assert {row.origin for row in loaded.origins.values()} == {"default"}
    assert all(row.help for row in loaded.origins.values())


def test_file_then_environment_then_flag(file: Path) -> None:
    file.write_text('api_port = 1\nconnections_max = 2\nmdns = true\nlog_level = "debug"')
    loaded = load_config(
        file,
        environment={"P2PNODE_API_PORT": "3", "P2PNODE_MDNS": "no", "OTHER": "x"},
        flags={"api_port": 4, "listen": ["/ip4/127.0.0.1/tcp/0"], "log_level": None},
    )
    assert loaded.config == Config(
        api_port=4, connections_max=2, mdns=False, log_level="debug", listen=("/ip4/127.0.0.1/tcp/0",)
    )
    origins = {name: row.origin for name, row in loaded.origins.items()}
    assert origins["api_port"] == "--api-port"
    assert origins["mdns"] == "P2PNODE_MDNS"
    assert origins["connections_max"] == str(file)
    assert origins["gossip"] == "default"
    assert loaded.origins["api_port"].value == 4


def test_settings_do_not_change_while_the_node_runs() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().mdns = True  # type: ignore[misc]


@pytest.mark.parametrize("text", ["a,b", "a b", " a,  b "])
def test_a_list_in_the_environment_is_split_at_commas_and_spaces(file: Path, text: str) -> None:
    text = text.replace("a", "/ip4/127.0.0.1/tcp/1").replace("b", "/ip6/::1/tcp/2")
    loaded = load_config(file, environment={"P2PNODE_LISTEN": text})
    assert loaded.config.listen == ("/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/2")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("Yes", True), ("1", True), ("off", False), ("0", False)]
)
def test_true_and_false_in_the_environment(file: Path, text: str, value: bool) -> None:
    assert load_config(file, environment={"P2PNODE_MDNS": text}).config.mdns is value


def test_variables_of_other_parts_are_no_settings(file: Path) -> None:
    assert load_config(file, environment={"P2PNODE_HOME": "x", "P2PNODE_PASSPHRASE": "y"}).config == Config()


def test_an_unknown_key_names_the_nearest(file: Path) -> None:
    file.write_text("conections_max = 5")
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert caught.value.rule == "config.unknown_key"
    assert str(file) in caught.value.message
    assert caught.value.remedy == "did you mean 'connections_max'?"
    with pytest.raises(UsageError) as caught:
        load_config(file.with_name("none"), environment={"P2PNODE_LISTENN": ""})
    assert caught.value.remedy == "did you mean 'P2PNODE_LISTEN'?"


def test_a_key_that_is_near_to_nothing_lists_them_all(file: Path) -> None:
    file.write_text("[qqqqq]\nx = 1")
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert "connections_max" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("api_port = true", "a number"),
        ("api_port = 65536", "0 to 65535"),
        ("api_port = -1", "0 to 65535"),
        ('api_port = "1"', "a number"),
        ("api_port = 1.0", "a number"),
        ("mdns = 1", "true or false"),
        ('listen = "/ip4/127.0.0.1/tcp/1"', "a list of texts"),
        ("listen = [1]", "a list of texts"),
        ('listen = ["/ip4/127.0.0.1/udp/1/quic-v1"]', "/ip4/0.0.0.0/tcp/4001"),
        ('listen = ["127.0.0.1:4001"]', "/ip4/0.0.0.0/tcp/4001"),
        ('listen = ["/ip4/127.0.0.1/tcp/1", ""]', "/ip4/0.0.0.0/tcp/4001"),
        ("announce = ['/ip4/192.0.2.7/tcp/0']", "/ip4/192.0.2.7/tcp/4001"),
        ("bootstrap = ['/ip4/192.0.2.7/tcp/4001']", "p2pnode id"),
        ("connections_max = 0", "1 to 10000"),
        ('log_level = "loud"', "one of debug, info"),
        (f"listen = {['/ip4/127.0.0.1/tcp/1'] * 65}", "at most 64"),
    ],
)
def test_a_wrong_value_says_what_it_takes(file: Path, line: str, expected: str) -> None:
    file.write_text(line)
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert caught.value.rule == "config.bad_value"
    assert expected in caught.value.remedy
    assert line.split(" ", maxsplit=1)[0] in caught.value.message


@pytest.mark.parametrize("text", ["", "many", "-1", "1e3", "٣"])
def test_a_number_in_the_environment_is_digits(file: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={"P2PNODE_CONNECTIONS_MAX": text})
    assert "P2PNODE_CONNECTIONS_MAX" in caught.value.message


@pytest.mark.parametrize("content", [b"mdns =", b"\xff", b"a = " + b"[" * 5000, b"mdns = true\nmdns = true"])
def test_what_is_not_toml_names_the_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert caught.value.rule == "config.not_toml"
    assert str(file) in caught.value.message


def test_a_huge_file_is_refused_unread(file: Path) -> None:
    file.write_bytes(b"#" * 100_000)
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert caught.value.rule == "file.too_large"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_usage_error(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        assert isinstance(load_config(file, environment={}).config, Config)
    except UsageError as error:
        assert error.rule.startswith("config.")


def test_the_generated_file_is_current(checkout: Path) -> None:
    assert (checkout / "config" / "node.toml").read_text() == render_toml(), (
        "run: python -m p2pnode.config > config/node.toml"
    )


def test_the_generated_file_changes_nothing_and_its_comments_are_the_defaults(file: Path) -> None:
    file.write_text(render_toml())
    assert {row.origin for row in load_config(file, environment={}).origins.values()} == {"default"}
    file.write_text(re.sub(r"^#(?=\w)", "", render_toml(), flags=re.MULTILINE))
    loaded = load_config(file, environment={})
    assert loaded.config == Config()
    assert {row.origin for row in loaded.origins.values()} == {str(file)}


def test_addresses() -> None:
    assert check_peer_address(_PEER) is None
    assert check_address(_PEER) is None
    assert check_address("/dns/node.example.org/tcp/4001") is None
    assert check_listen_address("/ip6/::/tcp/0") is None
    for wrong in (
        "/ip4/::1/tcp/1",
        "/ip6/1.2.3.4/tcp/1",
        "/ip4/1.2.3/tcp/1",
        "/ip4/1.2.3.4/tcp/99999",
        _PEER + "/x",
    ):
        assert check_address(wrong)
        assert check_listen_address(wrong)
    assert check_listen_address(_PEER)
    assert check_listen_address("/dns/node.example.org/tcp/4001")
    assert check_peer_address("/dns4/node.example.org/tcp/4001/p2p/not.base58")

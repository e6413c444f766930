"""One line an event, whatever it holds; libraries are heard at level debug only."""

import io
import logging
import re
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode import logs
from p2pnode.logs import Log

_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\w+) (.*)\n")


@pytest.fixture(autouse=True)
def _loggers_afterwards_as_before() -> Iterator[None]:
    """Pytest and later tests use the same loggers of this process."""
    names = ["p2pnode", *logs._FOREIGN]
    before = {
        name: (
            logging.getLogger(name).handlers[:],
            logging.getLogger(name).level,
            logging.getLogger(name).propagate,
        )
        for name in names
    }
    showing = logging.raiseExceptions
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(False)
    logging.raiseExceptions = showing
    for name, (handlers, level, propagate) in before.items():
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def _lines(stream: io.StringIO) -> list[tuple[str, str]]:
    found = []
    for line in stream.getvalue().splitlines(keepends=True):
        match = _LINE.fullmatch(line)
        assert match, line
        found.append((match[1], match[2]))
    return found


def test_an_event_is_one_line_of_keys_and_values() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    log = Log("net")
    log.info(
        "peer.connected",
        peer=bytes(range(32)),
        address="/ip4/192.0.2.7/tcp/1",
        entries=3,
        new=True,
        head=None,
    )
    log.warning(
        "sync.refused", rule="run.too_long", groups=[b"\x01" * 32, b"\x02" * 32], what=ValueError("a b")
    )
    log.debug("peer.frame", size=1)
    assert _lines(stream) == [
        ("info", "peer.connected peer=00010203 address=/ip4/192.0.2.7/tcp/1 entries=3 new=yes head=-"),
        ("warning", 'sync.refused rule=run.too_long groups=[01010101,02020202] what="ValueError: a b"'),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("line\nbreak\x1b[31m\u2028", '"line\\nbreak\\u001b[31m\\u2028"'),
        ("", '""'),
        ('"', '"\\""'),
        (b"", "-"),
        (list(range(10)), "[0,1,2,3,4,5,6,7,+2]"),
        ("x" * 400, '"' + "x" * 300 + '…"'),
        ("coopérative de Liège", '"coopérative de Liège"'),
        ("\u202eevil", '"\\u202eevil"'),
    ],
)
def test_values_cannot_break_the_line_or_the_terminal(value: object, shown: str) -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    Log("x").info("event", value=value)
    assert _lines(stream) == [("info", f"event value={shown}")]


@given(st.text())
def test_any_text_stays_on_its_line(text: str) -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    Log("x").info("event", value=text)
    assert stream.getvalue()[:-1].isprintable()
    assert len(_lines(stream)) == 1


def test_a_sentence_with_an_error_stays_one_line_too() -> None:
    stream = io.StringIO()
    logs.set_up("debug", stream)
    try:
        raise OSError("broken\npipe")
    except OSError:
        logging.getLogger("p2pnode.net.muxer").debug("connection to %s failed", "peer", exc_info=True)
    assert _lines(stream) == [
        ("debug", 'net.muxer message="connection to peer failed" error="OSError: broken\\npipe"')
    ]


@pytest.mark.parametrize("library", ["libp2p.network.swarm", "hypercorn.error", "asyncio"])
def test_libraries_are_heard_at_level_debug_only(library: str) -> None:
    for level, expected in (("info", []), ("debug", [("error", f'{library} message="dial failed"')])):
        stream = io.StringIO()
        logs.set_up(level, stream)
        logging.getLogger(library).error("dial %s", "failed")
        logging.getLogger(library).debug("a packet")
        assert _lines(stream) == expected


def test_a_library_that_resets_its_logger_is_taken_over_again() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    library = logging.getLogger("libp2p")
    library.handlers[:] = [logging.StreamHandler(stream)]
    library.setLevel(logging.WARNING)
    logs.route_libraries()
    library.error("dial failed")
    assert stream.getvalue() == ""


def test_warnings_go_the_same_way() -> None:
    stream = io.StringIO()
    logs.set_up("debug", stream)
    warnings.simplefilter("always")
    warnings.warn("old name", DeprecationWarning, stacklevel=1)
    assert [level for level, _ in _lines(stream)] == ["warning"]


def test_a_log_that_cannot_be_written_does_not_stop_the_node() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    stream.close()
    Log("x").info("event")


def test_setting_up_twice_does_not_write_twice() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    logs.set_up("info", stream)
    Log("x").info("event")
    assert len(_lines(stream)) == 1

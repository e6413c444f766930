"""The log: one line an event, made of an event's name and key=value pairs.

    2026-11-22T07:00:00.123Z info peer.connected peer=1f0c9a77 address=/ip4/192.0.2.7/tcp/4001

Bytes are shown as their first eight hexadecimal digits. Texts that would break the line are quoted, long ones
cut. Never log bodies, keys, tokens or passphrases. The pure layers do not log.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_TEXT_CHARACTERS_MAX = 300
_LIST_ITEMS_MAX = 8
_PLAIN_TEXT = re.compile(r"[!#-<>-\[\]-~]+")
"""Visible ASCII without quote, equals sign and backslash."""

_OWN = "p2pnode"
_FOREIGN = ("libp2p", "hypercorn.error", "hypercorn.access", "trio", "asyncio", "zeroconf", "py.warnings")
"""Libraries report ordinary failures of peers as errors; what matters of them our code logs itself."""


class Log:
    """The log of one part of the program."""

    __slots__ = ("_logger",)

    def __init__(self, part: str) -> None:
        self._logger = logging.getLogger(f"{_OWN}.{part}")

    def debug(self, event: str, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": fields})


class _LineFormatter(logging.Formatter):
    """Makes one line of a record, whoever wrote it."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", None)
        if fields is None:
            event = record.name.removeprefix(f"{_OWN}.")
            fields = {"message": record.getMessage()}
        else:
            event = record.msg
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, "error": record.exc_info[1]}
        words = [moment.replace("+00:00", "Z"), record.levelname.lower(), event]
        words += [f"{name}={_shown(value)}" for name, value in fields.items()]
        return " ".join(words)


class _ForeignHandler(logging.Handler):
    """Gives what a library says to our own log, where it is seen at level debug only."""

    def emit(self, record: logging.LogRecord) -> None:
        own = logging.getLogger(_OWN)
        if own.isEnabledFor(logging.DEBUG):
            for handler in own.handlers:
                handler.handle(record)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send the log to a stream, standard error unless told; may be called again."""
    logging.raiseExceptions = False  # a log that cannot be written must not stop the node
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_LineFormatter())
    own = logging.getLogger(_OWN)
    own.handlers[:] = [handler]
    own.setLevel(_LEVELS[level])
    own.propagate = False
    logging.captureWarnings(True)
    route_libraries()


def route_libraries() -> None:
    """Take over the loggers of libraries; call it after importing libp2p, which resets its own."""
    debug = logging.getLogger(_OWN).isEnabledFor(logging.DEBUG)
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers[:] = [_ForeignHandler()]
        logger.propagate = False
        # libp2p's debug level would cost time for every packet, even when nobody reads it.
        logger.setLevel(logging.INFO if debug else logging.CRITICAL + 1)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value[:4].hex() or "-"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, list | tuple):
        items = [_shown(item) for item in value[:_LIST_ITEMS_MAX]]
        more = len(value) - len(items)
        return "[" + ",".join(items) + (f",+{more}" if more else "") + "]"
    text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    if len(text) > _TEXT_CHARACTERS_MAX:
        text = text[:_TEXT_CHARACTERS_MAX] + "…"
    return text if _PLAIN_TEXT.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())

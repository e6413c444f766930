"""Errors, sorted by who has to act.

    NodeError
    ├── FormatError   nobody yet: bytes that no correct node writes; the boundary decides whom to blame
    ├── UsageError    the local user: exit status 2, HTTP 4xx, with the remedy
    ├── PeerError     the peer: its stream is reset and it is penalised
    ├── Unreachable   time: back-off, no penalty
    └── StoreError    the operator: the node stops cleanly and says what to do

A verdict on an entry is a value (`verdict.py`), not an exception.
"""

from __future__ import annotations


class NodeError(Exception):
    """Anything that this program reports in its own words."""


class FormatError(NodeError):
    """Bytes that no correct node writes, with the stable id of the rule they break."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


class UsageError(NodeError):
    """A wrong command or request: what happened, and what to do about it."""

    def __init__(self, rule: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.remedy = remedy


class PeerError(NodeError):
    """A peer did what no correct peer does."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


class Unreachable(NodeError):
    """A peer cannot be reached now; trying later may help."""


class NodeFault(NodeError):
    """The running node met a fault of its own while it answered a command."""


class StoreError(NodeError):
    """The disk or the database refuses: the operator has to act before the node can go on."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

"""What a person writes in a proposal, as the body that its subject asks for: people by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import device_key_of_did
from p2pnode.governance import tables
from p2pnode.governance.charter import SETTINGS, TABLES, Charter, amended
from p2pnode.governance.founding import RULE_VERSION
from p2pnode.governance.proposal import Proposal, decode_open, encode_open
from p2pnode.governance.subjects import DISTRIBUTE
from p2pnode.local.naming import Named, choose
from p2pnode.service.mandates import mandate_of
from p2pnode.service.naming_commons import adoptable_of
from p2pnode.service.naming_economy import event_of
from p2pnode.service.rules import refusal
from p2pnode.service.sharing import run_body
from p2pnode.service.viewing import GroupView


def body_of(view: GroupView, subject: str, fields: Mapping[str, Any]) -> Value:
    """The body of a proposal. Errors: UsageError proposal.*, member.*, newcomer.*, mandate.*."""
    if subject == DISTRIBUTE:
        return run_body(view, fields)
    body = {name: _READ[name](view, value) if name in _READ else value for name, value in fields.items()}
    try:
        return decode_open(encode_open(Proposal(subject, body))).body
    except (FormatError, TypeError) as error:
        rule = error.rule if isinstance(error, FormatError) else "proposal.bad_field"
        raise UsageError(
            rule,
            f"a proposal on {subject!r} says something else: {error}",
            "p2pnode propose --help shows each subject with examples",
        ) from error


def _settings(view: GroupView, changes: Any) -> Value:
    """Changes that the charter of a group can take, none of which looks like a misspelt setting. Errors:
    UsageError charter.*."""
    import difflib

    known = [setting.name for setting in SETTINGS]
    for name in changes if isinstance(changes, dict) else ():
        near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            raise UsageError(
                "charter.unknown_setting",
                f"there is no setting {name!r} in a charter",
                f"did you mean {near[0]}? A setting of the group's own needs a name less like it",
            )
    _check_changes(tables.charter(view.rows), changes)
    return changes


def _check_changes(charter: Charter, changes: Any) -> None:
    """Say where a change is wrong: one setting, or one entry of a table, after the other."""
    places: list[tuple[str, Any]] = []
    for name, value in changes.items() if isinstance(changes, dict) else ():
        if name in TABLES and isinstance(value, dict):
            places += [(f"{name}.{entry}", {name: {entry: one}}) for entry, one in value.items()]
        else:
            places.append((name, {name: value}))
    for place, change in places:
        try:
            amended(charter, change)
        except FormatError as error:
            if error.rule == "charter.fixed":
                raise refusal(error.rule) from error
            raise UsageError(
                error.rule,
                f"the charter cannot take this change of {place}: {error.detail or error.rule}",
                "p2pnode charter shows what holds now, p2pnode charter template circle says what is possible",
            ) from error


def _version(_: GroupView, number: Any) -> Value:
    """A version of the rules by which this program can go on. Errors: UsageError rule_version.unknown."""
    if isinstance(number, int) and number > RULE_VERSION:
        raise UsageError(
            "rule_version.unknown",
            f"this program knows the rules up to version {RULE_VERSION}",
            "upgrade p2pnode on every member's machine first, then propose it",
        )
    return number


def petition_of(view: GroupView, word: str) -> bytes:
    """The join of a newcomer who waits, by name, device or entry. Errors: UsageError newcomer.*."""
    candidates = [
        Named(entry_id.hex(), view.text(row.inception.get("annex"), "name"))
        for entry_id, row in tables.petitions(view.rows)
    ]
    return bytes.fromhex(choose("newcomer", word, candidates, where="p2pnode members"))


def _member(view: GroupView, word: Any) -> bytes:
    return view.member(str(word))


def _members(view: GroupView, words: Any) -> list[bytes]:
    return sorted({view.member(str(word)) for word in words})


def _mandate(view: GroupView, word: Any) -> bytes:
    return mandate_of(view, str(word))


def _device(_: GroupView, text: Any) -> bytes:
    try:
        return device_key_of_did(str(text))
    except FormatError as error:
        raise UsageError(
            error.rule, f"{text!r} names no device", "p2pnode id shows the did of a device"
        ) from error


def _hash(_: GroupView, text: Any) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError as error:
        raise UsageError(
            "proposal.bad_field", f"{text!r} is not hexadecimal", "copy it whole from `p2pnode recover ask`"
        ) from error


_READ: Mapping[str, Callable[[GroupView, Any], Value]] = {
    "candidates": _members,
    "charter": _settings,
    "device": _device,
    "entry": lambda view, word: adoptable_of(view, str(word)),
    "event": lambda view, word: event_of(view, str(word)),
    "holders": _members,
    "join": lambda view, word: petition_of(view, str(word)),
    "member": _member,
    "provider": _member,
    "recovery": _hash,
    "version": _version,
    "withdraw": _mandate,
}
"""Fields that people write by name, and how each is read."""

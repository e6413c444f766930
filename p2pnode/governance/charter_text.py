"""A charter as people read and edit it: back into TOML, and the amendment that leads from one to another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.governance.charter import TABLES, Charter

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')


def toml_of(charter: Charter) -> str:
    """The TOML document of a charter; reading it gives the same charter.

    Shapes: what TOML cannot hold, which only a later program can have written, stands there as a comment.
    """
    return "\n".join(_table((), charter.value)).strip("\n") + "\n"


def changes_between(before: Charter, after: Charter) -> dict[str, Value]:
    """The amendment that makes one charter into another, for the body of a proposal.

    Shapes: empty when they are equal; entries of tables that are gone are nil. Errors: FormatError
    charter.bad_field for a setting of the group's own that would vanish: it can only be changed.
    """
    gone = sorted(set(before.value) - set(after.value))
    if gone:
        raise FormatError("charter.bad_field", f"{', '.join(gone)}: can be changed, not removed")
    changes: dict[str, Value] = {}
    for name in sorted(after.value):
        old, new = before.setting(name), after.value[name]
        if old == new:
            continue
        if name in TABLES:
            entries = sorted({*old, *new})
            new = {entry: new.get(entry) for entry in entries if old.get(entry) != new.get(entry)}
        changes[name] = new
    return changes


def _table(path: tuple[str, ...], table: Mapping[str, Value]) -> Iterator[str]:
    plain = {name: value for name, value in table.items() if type(value) is not dict}
    if path and (plain or not table):
        yield f"\n[{'.'.join(_key(name) for name in path)}]"
    for name, value in plain.items():
        text = _inline(value)
        yield f"# {_key(name)}: no text for this" if text is None else f"{_key(name)} = {text}"
    for name, value in table.items():
        if type(value) is dict:
            yield from _table((*path, name), value)


def _inline(value: Value) -> str | None:
    """A value on one line, or None for what TOML has no word for."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is str:
        return _string(value)
    if type(value) is list:
        items = [_inline(item) for item in value]
        return None if None in items else f"[{', '.join(item for item in items if item is not None)}]"
    if type(value) is dict:
        pairs = [(_key(name), _inline(item)) for name, item in value.items()]
        return (
            None
            if any(text is None for _, text in pairs)
            else f"{{{', '.join(f'{name} = {text}' for name, text in pairs)}}}"
        )
    return None


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'

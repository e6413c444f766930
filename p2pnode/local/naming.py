"""What a person means by a name, or by the start or end of an id; a wrong word is answered with near ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from p2pnode.core.errors import UsageError

_ID_CHARACTERS_MIN = 4
_SHOWN_MAX = 8
_START_CHARACTERS = 8
_HEXADECIMAL = frozenset("0123456789abcdef")


class Named(NamedTuple):
    """Something that has an id and may have a name."""

    id: str
    name: str


def choose(kind: str, word: str, candidates: Sequence[Named], *, where: str) -> str:
    """The id of the one candidate that a word means: a whole id or name first, then a part of an id.

    Shapes: kind is a noun such as "group"; where is the command that lists them.
    Errors: UsageError KIND.unknown, KIND.ambiguous.
    """
    by_id = [item for item in candidates if item.id == word]
    by_name = [item for item in candidates if is_called(item, word)]
    by_part: list[Named] = []
    if len(word) >= _ID_CHARACTERS_MIN:
        by_part = [item for item in candidates if item.id.startswith(word) or item.id.endswith(word)]
    for found in (by_id, by_name, by_part):
        if len(found) == 1:
            return found[0].id
        if found:
            shown = _told_apart([item.id for item in found[:_SHOWN_MAX]])
            listed = ", ".join(
                f"{start} ({item.name})" if item.name else start
                for start, item in zip(shown, found, strict=False)
            )
            raise UsageError(
                f"{kind}.ambiguous",
                f"'{word}' may mean {listed}.",
                f"Give the {kind}'s id, as it stands here.",
            )
    raise UsageError(
        f"{kind}.unknown", f"There is no {kind} '{word}' here.", _nearest(word, candidates, where)
    )


def _told_apart(ids: Sequence[str]) -> list[str]:
    """As much of each id as tells it from the others; of names of devices, which begin alike, all."""
    if not all(set(identifier) <= _HEXADECIMAL for identifier in ids):
        return list(ids)
    size = _START_CHARACTERS
    while len({identifier[:size] for identifier in ids}) < len(set(ids)):
        size += 1
    return [identifier[:size] for identifier in ids]


def is_called(item: Named, word: str) -> bool:
    """Whether a word is the whole name of something."""
    return bool(item.name) and _folded(item.name) == _folded(word)


def _folded(name: str) -> str:
    """The name as people compare names: case and the way an accent is stored do not matter."""
    return unicodedata.normalize("NFC", name).casefold()


def _nearest(word: str, candidates: Sequence[Named], where: str) -> str:
    import difflib

    names = {_folded(item.name): item.name for item in candidates if item.name}
    near = [names[name] for name in difflib.get_close_matches(_folded(word), names, n=3)]
    listing = f"`{where}` lists them."
    return f"Did you mean {' or '.join(near)}? {listing}" if near else listing

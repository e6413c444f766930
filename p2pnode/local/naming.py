"""What a person means by a name, or by the start or end of an id; a wrong word is answered with near ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from p2pnode.core.errors import UsageError

_ID_CHARACTERS_MIN = 4
_SHOWN_MAX = 8
_DIGITS_MAX = 16
"""Of a hash so many are shown; whoever types an id types fewer."""


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
            listed = ", ".join(map(_listed, found[:_SHOWN_MAX]))
            raise UsageError(
                f"{kind}.ambiguous",
                f"'{word}' may mean {listed}.",
                f"Give the {kind}'s id, as it stands here.",
            )
    raise UsageError(
        f"{kind}.unknown", f"There is no {kind} '{word}' here.", _nearest(word, candidates, where)
    )


def is_called(item: Named, word: str) -> bool:
    """Whether a word is the whole name of something."""
    return bool(item.name) and _folded(item.name) == _folded(word)


def _listed(item: Named) -> str:
    shown = item.id[:_DIGITS_MAX] if len(item.id) == 64 else item.id
    return f"{shown} ({item.name})" if item.name else shown


def _folded(name: str) -> str:
    """The name as people compare names: case and the way an accent is stored do not matter."""
    return unicodedata.normalize("NFC", name).casefold()


def _nearest(word: str, candidates: Sequence[Named], where: str) -> str:
    import difflib

    names = {_folded(item.name): item.name for item in candidates if item.name}
    near = [names[name] for name in difflib.get_close_matches(_folded(word), names, n=3)]
    listing = f"`{where}` lists them."
    return f"Did you mean {' or '.join(near)}? {listing}" if near else listing

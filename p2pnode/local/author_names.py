"""What git calls the author of a commit, as people compare names; nothing here knows who that is."""

from __future__ import annotations

import unicodedata


def words_of(label: str) -> tuple[str, ...]:
    """What an author may be called, as `folded` compares it: the whole label, the mail, the name."""
    name, opened, rest = label.partition("<")
    mail = rest.partition(">")[0] if opened else ""
    return tuple(word for word in map(folded, (label, mail, name)) if word)


def folded(word: str) -> str:
    """A word as words are compared: case, blanks and the way an accent is stored do not matter."""
    return " ".join(unicodedata.normalize("NFC", word).casefold().split())

"""The recovery phrase: 24 words on paper that bring a member back when every device is lost.

The words are BIP-39 for 32 random bytes, and these bytes are the seed of the recovery key. Only a commitment
to that key is published when a person joins a group (`governance/inception.py`); the words are shown once and
stored nowhere.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from p2pnode.core.crypto import KEY_BYTES, SigningKey, tagged_hash
from p2pnode.core.errors import UsageError

if TYPE_CHECKING:
    from mnemonic import Mnemonic

WORDS = 24


def new_phrase() -> str:
    """A fresh recovery phrase. Shapes: 24 English words with one space between them."""
    phrase: str = _words().to_mnemonic(os.urandom(KEY_BYTES))
    return phrase


def recovery_key(phrase: str) -> SigningKey:
    """The recovery key of a phrase as a person typed it. Errors: UsageError phrase.*"""
    words = [word for word in phrase.lower().split() if not word.rstrip(".)").isdigit()]
    if len(words) != WORDS:
        raise UsageError(
            "phrase.word_count",
            f"these are {len(words)} words, a recovery phrase has {WORDS}",
            "type all of them",
        )
    known = _words().wordlist
    for number, word in enumerate(words, start=1):
        if word not in known:
            raise _unknown_word(number, word, known)
    try:
        seed = bytes(_words().to_entropy(words))
    except ValueError as error:
        raise UsageError(
            "phrase.checksum",
            "every word exists, but together they are no recovery phrase",
            "compare word by word with the paper: one is wrong, or two have changed places",
        ) from error
    return SigningKey(seed)


def recovery_commitment(phrase: str) -> bytes:
    """What an inception says of a phrase before it is needed. Errors: UsageError phrase.*"""
    return tagged_hash("recovery", recovery_key(phrase).public)


def _unknown_word(number: int, word: str, known: list[str]) -> UsageError:
    import difflib

    near = difflib.get_close_matches(word, known, n=3)
    remedy = (
        f"did you mean {' or '.join(near)}?" if near else "look at the paper again; all words are English"
    )
    return UsageError("phrase.unknown_word", f"word {number}, '{word}', is in no recovery phrase", remedy)


@cache
def _words() -> Mnemonic:
    from mnemonic import Mnemonic

    return Mnemonic("english")

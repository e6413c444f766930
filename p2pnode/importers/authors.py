"""Who of the members wrote a commit: what git calls an author, and whom the importer names for it.

Nothing is guessed: whom nobody named is not named in the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2pnode.core.errors import UsageError
from p2pnode.local.author_names import folded, words_of
from p2pnode.local.naming import Named, choose

AUTHORS_MAX = 10_000
"""A file with more lines is no list of the people of a project."""


def read_authors(given: Sequence[str], text: str) -> dict[str, str]:
    """Members by author, from options and from the lines of a file; `#` begins a remark.

    Errors: UsageError authors.bad_line, authors.twice, authors.too_many.
    """
    lines = [(f"line {number}", line) for number, line in enumerate(text.splitlines(), 1)]
    found: dict[str, str] = {}
    for place, line in [*(("--author", one) for one in given), *lines]:
        said = line.partition("#")[0].strip() if place != "--author" else line.strip()
        if not said:
            continue
        author, separator, member = (part.strip() for part in said.rpartition("="))
        if not (author and separator and member):
            raise UsageError(
                "authors.bad_line",
                f"{place}: '{said[:100]}' names no author and member.",
                "Write MAIL = MEMBER, such as carol@example.org = Carol.",
            )
        word = folded(author)
        if found.setdefault(word, member) != member:
            raise UsageError(
                "authors.twice",
                f"{place}: '{author[:100]}' is said to be {found[word]} and {member}.",
                "Leave one of the two out.",
            )
        if len(found) > AUTHORS_MAX:
            raise UsageError(
                "authors.too_many", f"There are more than {AUTHORS_MAX:,} authors.", "Name another file."
            )
    return found


def mail_of(label: str) -> str:
    """The shortest name for an author that is still theirs: the mail, where git knows one."""
    return label.partition("<")[2].partition(">")[0].strip() or label.strip()


class Authors:
    """Whom an importer names for which author. One owner.

    Shapes: unmatched counts the commits of each author whom nobody named.
    """

    def __init__(self, members: Mapping[str, str], named: Mapping[str, str]) -> None:
        """Shapes: members are names by id; named are members, as people write them, by author.

        Errors: UsageError member.unknown, member.ambiguous.
        """
        candidates = [Named(identifier, name) for identifier, name in members.items()]
        ids = {
            word: choose("member", word, candidates, where="p2pnode members")
            for word in sorted(set(named.values()))
        }
        self._named = {folded(author): ids[word] for author, word in named.items()}
        self.unmatched: dict[str, int] = {}

    def provider_of(self, label: str) -> str | None:
        """The id of the member who is an author: by the whole label, else by the mail, else by the name."""
        found = next((self._named[word] for word in words_of(label) if word in self._named), None)
        if found is None:
            self.unmatched[label] = self.unmatched.get(label, 0) + 1
        return found

"""What a word means among things that have names and ids."""

from __future__ import annotations

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.local.naming import Named, choose

CAFE = Named("ab12" + "0" * 60, "Café")
TOOLS = Named("ab34" + "1" * 60, "Tools")
TWIN = Named("cd56" + "2" * 60, "tools")
NAMELESS = Named("ef78" + "3" * 60, "")
ALL = [CAFE, TOOLS, NAMELESS]


def meant(word: str, among: list[Named]) -> str:
    return choose("group", word, among, where="p2pnode group list")


@pytest.mark.parametrize(
    ("word", "thing"),
    [
        (CAFE.id, CAFE),
        ("Café", CAFE),
        ("café", CAFE),
        ("Cafe\u0301", CAFE),
        ("TOOLS", TOOLS),
        ("ab12", CAFE),
        ("1111", TOOLS),
        ("ef78", NAMELESS),
    ],
)
def test_word_means_one_thing(word: str, thing: Named) -> None:
    assert meant(word, ALL) == thing.id


@pytest.mark.parametrize("word", ["", "ab1", "a", "zzzz", "ab12ff"])
def test_unknown_word(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        meant(word, ALL)
    assert caught.value.rule == "group.unknown"
    assert "p2pnode group list" in caught.value.remedy


def test_near_names_are_offered() -> None:
    with pytest.raises(UsageError) as caught:
        meant("toolz", ALL)
    assert "Tools" in caught.value.remedy


def test_two_of_one_name_need_the_id() -> None:
    with pytest.raises(UsageError) as caught:
        meant("Tools", [*ALL, TWIN])
    assert caught.value.rule == "group.ambiguous"
    assert f"{TWIN.id[:16]} (tools)" in caught.value.message
    assert TWIN.id not in caught.value.message, "nobody types so many digits"
    assert meant("cd56", [*ALL, TWIN]) == TWIN.id


def test_name_that_looks_like_another_ones_id_does_not_hide_it() -> None:
    impostor = Named("99" * 32, CAFE.id)
    assert meant(CAFE.id, [impostor, CAFE]) == CAFE.id

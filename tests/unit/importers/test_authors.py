"""Whom an import names for the author of a commit."""

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.importers.authors import Authors, mail_of, read_authors
from p2pnode.local.author_names import words_of

MEMBERS = {"ab" * 32: "Carol", "cd" * 32: "Dave"}
CAROL, DAVE = MEMBERS


def test_an_author_is_found_by_label_mail_and_name_in_this_order() -> None:
    named = read_authors(["carol@example.org=Carol", "Dave Example=Dave", "X <x@y.example>=Dave"], "")
    authors = Authors(MEMBERS, named)
    assert authors.provider_of("Anybody <CAROL@Example.org>") == CAROL
    assert authors.provider_of("dave  example <other@example.org>") == DAVE
    # The mail is nearer to a person than the name.
    assert authors.provider_of("Dave Example <carol@example.org>") == CAROL
    assert authors.provider_of("x <X@y.example>") == DAVE
    assert authors.provider_of("X <other@y.example>") is None
    assert authors.unmatched == {"X <other@y.example>": 1}


def test_j27_nobody_is_guessed() -> None:
    authors = Authors(MEMBERS, {})
    assert [authors.provider_of("Carol <carol@example.org>") for _ in range(2)] == [None, None]
    assert authors.unmatched == {"Carol <carol@example.org>": 2}


def test_a_file_has_a_line_for_each_and_remarks() -> None:
    text = "# people\n\n carol@example.org = Carol # since March\r\na=b@example.org = Dave\n"
    assert read_authors(["c#d=Dave"], text) == {
        "c#d": "Dave",
        "carol@example.org": "Carol",
        "a=b@example.org": "Dave",
    }


@pytest.mark.parametrize("line", ["carol@example.org", "=Carol", "carol@example.org ="])
def test_a_line_that_names_nobody_is_told_with_its_place(line: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_authors([], f"# who is who\n{line}\n")
    assert refused.value.rule == "authors.bad_line"
    assert "line 2" in refused.value.message
    with pytest.raises(UsageError, match="--author"):
        read_authors([line], "")


def test_one_author_is_not_two_members_and_members_exist() -> None:
    assert read_authors(["x=Carol"], "X = Carol") == {"x": "Carol"}
    with pytest.raises(UsageError) as refused:
        read_authors(["x=Carol"], "X = Dave")
    assert refused.value.rule == "authors.twice"
    with pytest.raises(UsageError) as unknown:
        Authors(MEMBERS, {"x": "Karol"})
    assert unknown.value.rule == "member.unknown"
    assert "Carol" in unknown.value.remedy


def test_a_file_is_bounded() -> None:
    with pytest.raises(UsageError) as refused:
        read_authors([], "".join(f"{number}@example.org = Carol\n" for number in range(10_001)))
    assert refused.value.rule == "authors.too_many"


def test_strange_labels_have_words_or_none() -> None:
    assert words_of("Carol <c@d>") == ("carol <c@d>", "c@d", "carol")
    assert words_of("<>") == ("<>",)
    assert words_of("") == ()
    assert mail_of("Carol <c@d>") == "c@d"
    assert mail_of("Carol <>") == "Carol <>"
    assert mail_of("Carol") == "Carol"

"""Answers of peers end up before people: no text in them may steer a terminal."""

from __future__ import annotations

import pytest

from p2pnode.core import codec
from p2pnode.core.errors import FormatError, UsageError
from protocols import join, query

BAD_TEXTS = ("\x1b[2J", "a\x07", "\x9b31m", "line\rover", "\x00")


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_an_answer_to_a_question_has_no_control_characters(text: str) -> None:
    for answer in (
        [1, "query.unknown", text, "remedy"],
        [1, "query.unknown", "message", text],
        [0, {"groups": [{"name": text}]}],
        [0, {text: 1}],
    ):
        with pytest.raises(FormatError) as caught:
            query.decode_answer(codec.encode(answer))
        assert caught.value.rule == "query.bad_answer"


@pytest.mark.parametrize("rule", [*BAD_TEXTS, "", "Two Words", "x" * 65, "[red]"])
def test_a_rule_looks_like_a_rule(rule: str) -> None:
    with pytest.raises(FormatError):
        query.decode_answer(codec.encode([1, rule, "message", "remedy"]))
    if rule:
        with pytest.raises(FormatError):
            join.decode_answer(codec.encode([1, "refused", rule, "message", None, 0]))


@pytest.mark.parametrize("text", [*BAD_TEXTS, "two\nlines"])
def test_an_answer_to_a_newcomer_has_no_control_characters(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        join.decode_answer(codec.encode([1, "refused", "join.spent", text, None, 0]))
    assert caught.value.rule == "join.bad_answer"


def test_plain_answers_pass() -> None:
    with pytest.raises(UsageError, match="tells nothing"):
        query.decode_answer(codec.encode([1, "query.unknown_group", "tells nothing", ""]))
    assert query.decode_answer(codec.encode([0, {"name": "Jardin des Lilas\n"}])) == {
        "name": "Jardin des Lilas\n"
    }
    assert join.decode_answer(codec.encode([1, "refused", "", "no", None, 0]))[0].verdict == "refused"

"""Reading maps field by field: exact names, exact kinds, bounds."""

from collections.abc import Callable
from typing import Any

import pytest

from p2pnode.core.crypto import SMALL_ORDER_KEYS
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields, is_plain_text


def test_names_are_exact() -> None:
    assert Fields({"a": 1}, "x", ("a",), ("b",)).has("b") is False
    for value in ({}, {"b": 1}, {"a": 1, "c": 2}, [], None):
        with pytest.raises(FormatError, match=r"x\.bad_field"):
            Fields(value, "x", ("a",), ("b",))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"short", lambda fields: fields.hash("a")),
        ("x" * 32, lambda fields: fields.hash("a")),
        (min(SMALL_ORDER_KEYS), lambda fields: fields.key("a")),
        (bytes(63), lambda fields: fields.signature("a")),
        (True, lambda fields: fields.uint("a")),
        (-1, lambda fields: fields.uint("a")),
        (8, lambda fields: fields.uint("a", 7)),
        (1, lambda fields: fields.uint("a", 7, least=2)),
        ("", lambda fields: fields.text("a", 5)),
        ("abcdef", lambda fields: fields.text("a", 5)),
        ("a\n", lambda fields: fields.text("a", 5)),
        ("a\x00", lambda fields: fields.text("a", 5, lines=True)),
        (b"abc", lambda fields: fields.text("a", 5)),
        ("c", lambda fields: fields.choice("a", ("a", "b"))),
        (["a"], lambda fields: fields.choice("a", ("a", "b"))),
        ([1, 2], lambda fields: fields.items("a", 1)),
        ([], lambda fields: fields.items("a", 1, least=1)),
        ({}, lambda fields: fields.items("a", 1)),
        (None, lambda fields: fields.optional_hash("a")),
    ],
)
def test_wrong_values_are_refused(value: Any, read: Callable[[Fields], object]) -> None:
    with pytest.raises(FormatError, match=r"x\.bad_field: a: "):
        read(Fields({"a": value}, "x", ("a",)))


def test_right_values_pass() -> None:
    fields = Fields({"n": 7, "t": "a\nb", "l": [1]}, "x", ("n", "t", "l"), ("h",))
    assert (fields.uint("n", 7, least=7), fields.text("t", 3, lines=True), fields.items("l", 1)) == (
        7,
        "a\nb",
        [1],
    )
    assert fields.optional_hash("h") is None


def test_control_characters_are_seen() -> None:
    assert is_plain_text("Straße, 水, e\u0301")
    assert not any(is_plain_text(f"a{char}b") for char in "\n\t\x00\x1b\x7f\x85")
    assert is_plain_text("a\n\tb", lines=True)

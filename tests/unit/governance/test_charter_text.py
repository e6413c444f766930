"""Charters as text: what is shown can be read again, and what was edited becomes an amendment."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.errors import FormatError
from p2pnode.governance.charter import amended, charter_of_toml
from p2pnode.governance.charter_text import changes_between, toml_of
from tests.vectors.cases.material import TEMPLATE, circle_charter

_TEMPLATES = sorted(TEMPLATE.parent.glob("*.toml"))


@pytest.mark.parametrize("path", _TEMPLATES, ids=lambda path: path.stem)
def test_what_is_shown_can_be_read_again(path: Any) -> None:
    charter = charter_of_toml(path.read_text(), name='A "name" with \\ and é')
    assert charter_of_toml(toml_of(charter)) == charter


_PLAIN = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=9).filter(str.isprintable)
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=4).filter(str.isprintable), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["motto", "x y", "ä", "a.b"]), _VALUES, max_size=3))
def test_settings_of_the_groups_own_can_be_read_again(own: dict[str, Any]) -> None:
    charter = circle_charter(**own)
    assert charter_of_toml(toml_of(charter)) == charter


def test_what_toml_has_no_word_for_is_told() -> None:
    text = toml_of(circle_charter(seal=b"\x00", more=[None]))
    assert "# seal: no text for this" in text
    assert "# more: no text for this" in text
    assert charter_of_toml(text) == circle_charter()


def test_an_edited_text_becomes_an_amendment() -> None:
    before = circle_charter(roles={"cook": {}, "baker": {}})
    text = toml_of(before).replace('purpose = ""', 'purpose = "tea"').replace("[roles.cook]\n", "")
    after = charter_of_toml(text.replace("window_hours = 168", "window_hours = 200", 1))
    changes = changes_between(before, after)
    assert changes == {
        "decisions": {"amend": {**before.value["decisions"]["amend"], "window_hours": 200}},
        "purpose": "tea",
        "roles": {"cook": None},
    }
    assert amended(before, changes) == after
    assert changes_between(before, before) == {}


def test_a_setting_of_the_groups_own_does_not_vanish() -> None:
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        changes_between(circle_charter(motto="x"), circle_charter())

"""Charters: settings, rules of decision, amendments, templates."""

from pathlib import Path
from typing import Any

import pytest

from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.governance.charter import SETTINGS, Charter, amended, charter_of_toml, charter_of_value
from p2pnode.governance.decision_rule import (
    DEFAULT_RULES,
    DEFAULT_SUBJECT,
    SUBJECTS,
    DecisionRule,
    rule_of_row,
    rule_of_value,
)
from tests.vectors.cases.material import TEMPLATE, circle_charter

_TEMPLATES = sorted(TEMPLATE.parent.glob("*.toml"))
_LATER = [setting.name for setting in SETTINGS if setting.later]


def _rule(**changes: Any) -> DecisionRule:
    return rule_of_value({"rule": "majority", **changes}, 48)


def test_the_circle_template_shows_every_setting_with_its_default() -> None:
    assert charter_of_toml(TEMPLATE.read_text(), name="n") == charter_of_toml('name = "n"')
    lines = TEMPLATE.read_text().splitlines()
    shown = {line.split("=")[0].strip(" #") for line in lines if "=" in line}
    shown |= {line.strip("[]").partition(".")[0] for line in lines if line.startswith("[")}
    assert {setting.name for setting in SETTINGS} <= shown


@pytest.mark.parametrize("path", _TEMPLATES, ids=lambda path: path.stem)
def test_every_template_is_a_charter_that_lacks_only_its_name(path: Path) -> None:
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        charter_of_toml(path.read_text())
    charter = charter_of_toml(path.read_text(), name="n")
    assert "never erased" in charter.setting("permanence")
    assert all(charter.rule(subject) for subject in SUBJECTS)


def test_an_older_charter_stays_valid_and_keeps_its_bytes() -> None:
    older = {name: value for name, value in circle_charter().value.items() if name not in _LATER}
    charter = charter_of_value(codec.decode(codec.encode(older)))
    assert codec.encode(dict(charter.value)) == codec.encode(older)
    assert charter.hearing_hours == 168
    assert charter.rule("remove").share == (2, 3)
    assert charter.rule("remove") == circle_charter().rule("remove")
    assert (charter.delta_seconds, charter.checkpoint_entries, charter.checkpoint_days) == (30, 1000, 7)


def test_silent_settings_are_written_out_at_the_founding() -> None:
    charter = charter_of_toml('name = "n"\n[decisions.admit]\nrule = "majority"\n[decisions.picnic]\n')
    assert set(charter.value) == {setting.name for setting in SETTINGS}
    assert charter.value["decisions"]["admit"] == {**DEFAULT_RULES["admit"], "rule": "majority"}
    assert charter.value["decisions"]["picnic"] == DEFAULT_RULES[DEFAULT_SUBJECT]
    assert charter.value["decisions"]["remove"] == DEFAULT_RULES["remove"]


def test_a_subject_of_the_groups_own_takes_from_the_groups_default() -> None:
    text = '[decisions.accounts]\nwindow_hours = 1\n[decisions.default]\nrule = "consent"\nquorum = [1, 9]\n'
    rule = charter_of_toml('name = "n"\n' + text).rule("accounts")
    assert (rule.threshold, rule.window_hours) == (("consent", (1, 2), (1, 9)), 1)


def test_unknown_settings_are_kept() -> None:
    charter = charter_of_toml('name = "n"\n[seasons]\nspring = "sowing"\n')
    assert charter.value["seasons"] == {"spring": "sowing"}


def test_a_rule_of_another_kind_needs_no_share() -> None:
    charter = charter_of_toml('name = "n"\n[decisions.remove]\nrule = "consent"\n')
    assert charter.rule("remove").rule == "consent"
    charter = charter_of_toml('name = "n"\n[decisions.admit]\nrule = "supermajority"\n')
    assert charter.rule("admit").share == (2, 3)


def test_which_rule_holds_for_a_subject() -> None:
    charter = circle_charter(decisions={"picnic": {"rule": "consent"}, "default": {"rule": "majority"}})
    assert charter.rule("picnic").rule == "consent"
    assert charter.rule("something else") == charter.rule("default")
    assert (charter.has_rule("picnic"), charter.has_rule("admit"), charter.has_rule("other")) == (
        True,
        True,
        False,
    )
    # Without a table of its own a subject of this version keeps its usual rule, not the group's default.
    assert Charter({**charter.value, "decisions": {}}).rule("remove").share == (2, 3)


def test_j24_grace_is_the_charters_or_the_subjects_own() -> None:
    charter = circle_charter(ballot_grace_hours=7, decisions={"text": {"rule": "majority", "grace_hours": 0}})
    assert (charter.rule("text").grace_hours, charter.rule("admit").grace_hours) == (0, 7)


@pytest.mark.parametrize(
    "table",
    [
        {"rule": "lottery"},
        {"rule": 1},
        {},
        [],
        {"rule": "majority", "share": [2, 3]},
        {"rule": "supermajority", "share": [1, 2]},
        {"rule": "supermajority", "share": [4, 3]},
        {"rule": "supermajority", "share": [4, 6]},
        {"rule": "supermajority", "share": [2]},
        {"rule": "majority", "quorum": [1, 0]},
        {"rule": "majority", "quorum": [0, 0]},
        {"rule": "majority", "quorum": [-1, 2]},
        {"rule": "majority", "quorum": [True, 2]},
        {"rule": "majority", "quorum": [1, 1001]},
        {"rule": "majority", "window_hours": -1},
        {"rule": "majority", "grace_hours": 24 * 90 + 1},
        {"rule": "majority", "early": 1},
        {"rule": "majority", "hours": 3},
    ],
    ids=str,
)
def test_a_rule_that_says_nothing_clear_is_refused(table: Any) -> None:
    value = {**circle_charter().value, "decisions": {"admit": table}}
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        charter_of_value(value)


@pytest.mark.parametrize("decisions", [5, {"": {"rule": "majority"}}, {"Ä": {"rule": "majority"}}])
def test_a_table_of_decisions_that_is_none_is_refused(decisions: Any) -> None:
    for make in (
        lambda: charter_of_value({**circle_charter().value, "decisions": decisions}),
        lambda: circle_charter(decisions=decisions),
    ):
        with pytest.raises(FormatError, match=r"charter\.bad_field"):
            make()


@pytest.mark.parametrize(
    "roles", [[], {"": {}}, {"a" * 33: {}}, {"cook": 1}, {"cook": {"holders_max": 0}}, {"cook": {"pay": 1}}]
)
def test_roles_that_are_none_are_refused(roles: Any) -> None:
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        circle_charter(roles=roles)


def test_roles() -> None:
    charter = circle_charter(roles={"treasurer": {"holders_max": 2, "term_days": 365}, "cook": {}})
    assert list(charter.roles) == ["cook", "treasurer"]
    assert (charter.roles["treasurer"].holders_max, charter.roles["treasurer"].term_days) == (2, 365)
    assert (charter.roles["cook"].holders_max, charter.roles["cook"].term_days) == (1000, 0)


def test_amendments_change_what_they_name() -> None:
    charter = circle_charter(motto="x")
    after = amended(charter, {"purpose": "to share", "motto": "y"})
    assert after.hash != charter.hash
    assert {name: after.value[name] for name in after.value if after.value[name] != charter.value[name]} == {
        "purpose": "to share",
        "motto": "y",
    }


def test_two_amendments_of_one_table_do_not_undo_each_other() -> None:
    charter = circle_charter()
    first, second = {"admit": {"rule": "majority"}}, {"text": {"rule": "consent"}}
    after = amended(amended(charter, {"decisions": first}), {"decisions": second})
    assert (after.rule("admit").rule, after.rule("text").rule) == ("majority", "consent")
    assert after.rule("remove") == charter.rule("remove")
    assert amended(after, {"decisions": {"text": None}}).rule("text") == charter.rule("text")


def test_an_older_charter_gets_its_tables_written_when_they_change() -> None:
    older = Charter({name: value for name, value in circle_charter().value.items() if name not in _LATER})
    after = amended(older, {"decisions": {"text": {"rule": "consent"}}})
    assert set(after.value["decisions"]) == set(DEFAULT_RULES)
    assert "hearing_hours" not in after.value


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "charter.bad_field"),
        ([], "charter.bad_field"),
        ({"name": ""}, "charter.bad_field"),
        ({"name": None}, "charter.bad_field"),
        ({"hearing_hours": None}, "charter.bad_field"),
        ({"decisions": []}, "charter.bad_field"),
        ({"decisions": {"admit": {"rule": "lottery"}}}, "charter.bad_field"),
        ({"visibility": "public"}, "charter.fixed"),
        ({"annals": "a" * 40_000}, "charter.too_large"),
    ],
    ids=str,
)
def test_amendments_that_are_none(changes: Any, rule: str) -> None:
    with pytest.raises(FormatError) as caught:
        amended(circle_charter(), changes)
    assert caught.value.rule == rule


def test_the_strictest_of_some_rules_keeps_its_own_times() -> None:
    loose = _rule(window_hours=1, early=True)
    two_thirds = _rule(rule="supermajority", share=[2, 3], quorum=[1, 3], window_hours=5)
    three_quarters = _rule(rule="supermajority", share=[3, 4], quorum=[3, 4], grace_hours=50)
    both = loose.at_least([two_thirds, three_quarters])
    assert both.threshold == ("supermajority", (3, 4), (3, 4))
    assert (both.window_hours, both.grace_hours, both.early) == (1, 48, True)
    assert two_thirds.at_least([_rule(rule="consent")]).threshold == ("consent", (1, 2), (1, 2))
    assert loose.at_least([]) == loose


@pytest.mark.parametrize("subject", sorted(DEFAULT_RULES))
def test_a_rule_survives_its_row(subject: str) -> None:
    rule = circle_charter().rule(subject)
    assert rule_of_row(rule.value) == rule


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        ["majority", [1, 2], [1, 2], 72, 48],
        ["majority", [2, 3], [1, 2], 72, 48, True],
        ["supermajority", [1, 2], [1, 2], 72, 48, True],
        ["majority", [1, 2], [1, 2], 72, 48, 1],
    ],
    ids=str,
)
def test_a_row_that_is_no_rule(value: Any) -> None:
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        rule_of_row(value)

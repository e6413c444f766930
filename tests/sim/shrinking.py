"""A failing case made small: whole stretches of steps are left out as long as it fails by the same rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from tests.sim.world import Case, Outcome, Step, play

TRIES_MAX = 400


def shrunk(case: Case, rule: str, *, play_it: Callable[[Case], Outcome] = play) -> Case:
    """The smallest case found that still breaks a rule."""
    tries = 0
    size = max(1, len(case.steps) // 2)
    while size:
        start = 0
        while start < len(case.steps) and tries < TRIES_MAX:
            steps = (*case.steps[:start], *case.steps[start + size :])
            smaller = replace(case, steps=steps)
            tries += 1
            if outcome_rule(smaller, play_it) == rule:
                case = smaller
            else:
                start += size
        size //= 2
    return _without_idle_machines(case, rule, play_it)


def outcome_rule(case: Case, play_it: Callable[[Case], Outcome]) -> str:
    """The rule that a case breaks; an error of the program counts by its kind."""
    try:
        return play_it(case).rule
    except Exception as error:  # noqa: BLE001 - a crash is a finding like any other
        return f"crash.{type(error).__name__}"


def _without_idle_machines(case: Case, rule: str, play_it: Callable[[Case], Outcome]) -> Case:
    for name in case.machines[::-1]:
        if any(name in _words(step) for step in case.steps):
            continue
        smaller = replace(
            case,
            machines=tuple(other for other in case.machines if other != name),
            liars=tuple(other for other in case.liars if other != name),
        )
        if outcome_rule(smaller, play_it) == rule:
            case = smaller
    return case


def _words(step: Step) -> str:
    return json.dumps(step)


def write_case(case: Case, path: Path) -> None:
    """Write a case down, one step a line."""
    fields = asdict(case)
    steps = fields.pop("steps")
    head = json.dumps(fields)[1:-1]
    lines = ",\n  ".join(json.dumps(step) for step in steps)
    path.write_text(f'{{{head},\n "steps": [\n  {lines}]}}\n', encoding="utf-8")


def read_case(path: Path) -> Case:
    """A case that was written down."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return Case(
        fields["salt"],
        tuple(fields["machines"]),
        tuple(fields["liars"]),
        tuple(fields["steps"]),
        fields["end_ms"],
        fields.get("is_within_bounds", True),
        tuple((twin, of) for twin, of in fields.get("twins", ())),
    )

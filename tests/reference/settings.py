"""What is explored: groups within their bounds, and groups with one liar too many."""

from __future__ import annotations

from tests.reference.model import Setting

QUICK: tuple[Setting, ...] = (
    Setting(1, 0, 0),
    Setting(2, 0, 0),
    Setting(3, 0, 0),
    Setting(4, 1, 1),
    Setting(4, 1, 1, are_liars_silent=True),
    Setting(5, 1, 1),
    Setting(3, 1, 1),
    Setting(2, 0, 0, views=(2, 1)),
    Setting(4, 1, 1, views=(1, 1)),
)
"""Exhausted within seconds; no fork, and no dead end where the liars are silent."""

LONG: tuple[tuple[Setting, int | None], ...] = (
    (Setting(3, 0, 0, views=(3, 0)), None),
    (Setting(4, 1, 1, views=(3, 0)), None),
    (Setting(6, 1, 1), None),
    (Setting(5, 1, 1, are_liars_silent=True), None),
    (Setting(3, 0, 0, views=(1, 1)), None),
    (Setting(2, 0, 0, views=(2, 2)), None),
    (Setting(3, 0, 0, views=(2, 1)), 3_000_000),
    (Setting(3, 0, 0, views=(1, 2)), 3_000_000),
    (Setting(4, 1, 1, views=(2, 1)), 3_000_000),
    (Setting(5, 1, 0, views=(1, 1)), 3_000_000),
    (Setting(6, 1, 1, views=(1, 1)), 3_000_000),
)
"""With the most states that are visited; None is all of them."""

BEYOND: tuple[Setting, ...] = (
    Setting(4, 1, 2),
    Setting(3, 0, 1),
    Setting(6, 1, 2),
    Setting(3, 0, 1, views=(1, 1)),
    Setting(4, 1, 2, views=(1, 1)),
    Setting(5, 1, 1, views=(1, 1)),
    Setting(6, 1, 2, views=(1, 1)),
)
"""One liar more than is tolerated: 2m - n - 1 of them in the second convocation. Each must fork."""

"""Who breaks rules is kept out for a while; one offence counts once, and what is remembered is bounded."""

from __future__ import annotations

from p2pnode.core.crypto import SigningKey
from p2pnode.penalties import ECHO_MS, FIRST_BAN_MS, Conduct, after_violation
from p2pnode.port import CONDUCTS_MAX, LivePort


def test_an_offence_that_two_parts_report_counts_once() -> None:
    first = after_violation(Conduct(), "run.bad_frame", 1000)
    assert after_violation(first, "run.bad_frame", 1000 + ECHO_MS - 1) is first
    assert after_violation(first, "run.bad_frame", 1000 + ECHO_MS).violations == 2
    assert after_violation(first, "run.too_large", 1000).violations == 2


def test_every_third_offence_bans_longer() -> None:
    conduct = Conduct()
    for number in range(1, 100):
        conduct = after_violation(conduct, "run.bad_frame", number * ECHO_MS)
        if number == 3:
            assert conduct.banned_until_ms == 3 * ECHO_MS + FIRST_BAN_MS
    assert conduct.bans == 33


def test_offenders_are_forgotten_before_memory_runs_out_and_the_banned_last() -> None:
    port = LivePort(SigningKey(b"k" * 32), wall_ms=lambda: 1000, group_path=str, cursors={})
    for rule in ("run.a", "run.b", "run.c"):
        port.penalize(b"banned".ljust(32), rule)
    for number in range(CONDUCTS_MAX + 10):
        port.penalize(number.to_bytes(32, "big"), "run.bad_frame")
    assert len(port.conducts) == CONDUCTS_MAX
    assert port.is_blocked(b"banned".ljust(32))

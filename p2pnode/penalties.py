"""How long a peer is kept out after breaking rules that every correct peer keeps: values in, values out."""

from __future__ import annotations

from dataclasses import dataclass

VIOLATIONS_MAX = 3
FIRST_BAN_MS = 60 * 60 * 1000
ECHO_MS = 1000
BAN_MS_MAX = 7 * 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Conduct:
    """What one peer did. Units: banned_until_ms is wall time, 0 while the peer is welcome."""

    violations: int = 0
    bans: int = 0
    banned_until_ms: int = 0
    last_rule: str = ""
    last_ms: int = 0


def after_violation(conduct: Conduct, rule: str, now_ms: int) -> Conduct:
    """The conduct after one more violation; every third one bans, each time twice as long.

    The same conduct for an echo: the node and the session that brought the bytes both report an offence.
    """
    if rule == conduct.last_rule and 0 <= now_ms - conduct.last_ms < ECHO_MS:
        return conduct
    violations = conduct.violations + 1
    if violations % VIOLATIONS_MAX:
        return Conduct(violations, conduct.bans, conduct.banned_until_ms, rule, now_ms)
    ban_ms = min(FIRST_BAN_MS << min(conduct.bans, 10), BAN_MS_MAX)
    return Conduct(violations, conduct.bans + 1, now_ms + ban_ms, rule, now_ms)

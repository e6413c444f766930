"""What can come of an entry: stored, held already, waiting, rejected or forked (J14).

Rejected is for bytes only: format, size, hash, chain, signature. The rules of a type never reject; an
ordered entry that breaks one is void and stays in the log.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """Kept, with everything before it in its lane. Units: count of entries."""

    entries: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: something is missing or early. Dropping what waits is always safe (J15).

    Units: not_before_ms is wall time, 0 when only something else's arrival helps.
    """

    rule: str
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: bytes that no correct node sends; the sender answers for them."""

    rule: str


@dataclass(frozen=True, slots=True)
class Forked:
    """Two authentic entries in one place of a lane: a proof that convinces anybody."""

    proof: bytes


Verdict = Stored | Waiting | Rejected | Forked

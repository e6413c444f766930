"""What is given and taken within an agreement, and the limits that its parties chose.

Beyond a limit nothing more is counted within the agreement (`agreement.frozen`): no debt grows and nobody is
punished; what is given the other way frees it. A gift has no limits and no balance.

| table | key | value |
|---|---|---|
| `agreement_flow` | agreement id, member id, unit | [given, taken] |
"""

from __future__ import annotations

from collections.abc import Iterator

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import Amount, add, is_less, negated, scaled
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.economy.agreement import ACCEPTED, RECIPROCAL, Terms, agreement
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import ZERO, CommitmentRow
from p2pnode.governance.tables import read, scan, write

FROZEN_RULE = "agreement.frozen"


def balances(rows: Rows, agreement_id: bytes) -> Iterator[tuple[bytes, str, Amount, Amount]]:
    """What each party gave and took within an agreement: (party, unit, given, taken)."""
    for key, (given, taken) in scan(rows, "agreement_flow", agreement_id):
        unit = key[HASH_BYTES:].decode("ascii")
        yield key[:HASH_BYTES], unit, (given[0], given[1]), (taken[0], taken[1])


def void_rule_of_parties(
    rows: Rows, agreement_id: bytes | None, provider: bytes, receiver: bytes
) -> str | None:
    """Why an event cannot be part of an agreement, or None."""
    if agreement_id is None:
        return None
    row = agreement(rows, agreement_id)
    if row is None:
        return "agreement.unknown"
    if row.status != ACCEPTED:
        return "agreement.not_in_force"
    terms = row.terms
    allowed = {*terms.parties, *(clause.receiver for clause in terms.clauses)}
    return None if provider in terms.parties and receiver in allowed else "agreement.not_a_party"


def is_expected(rows: Rows, promise: CommitmentRow, total: Amount) -> bool:
    """Whether so much in all is what was promised, with the tolerance of the agreement."""
    row = None if promise.clause_of is None else agreement(rows, promise.clause_of)
    part = None if row is None else row.terms.tolerance
    numerator, denominator = part or (0, 1)
    return not is_less(scaled(promise.promised, denominator + numerator), scaled(total, denominator))


def is_fulfilled(terms: Terms, promise: CommitmentRow) -> bool:
    """Whether as much was given as was promised, less the tolerance."""
    numerator, denominator = terms.tolerance or (0, 1)
    given = scaled(promise.fulfilled, denominator)
    return not is_less(given, scaled(promise.promised, denominator - numerator))


def note_flow(
    state: State, agreement_id: bytes, provider: bytes, receiver: bytes, flow: Measure
) -> str | None:
    """Count a flow for both sides, or say whose limit it would leave.

    Errors: FormatError amount.out_of_range.
    """
    row = agreement(state, agreement_id)
    assert row is not None
    terms = row.terms
    if terms.mode != RECIPROCAL:
        return None
    is_frozen = False
    for party, given, taken in ((provider, flow.amount, ZERO), (receiver, ZERO, flow.amount)):
        key = row_key("agreement_flow", agreement_id, party, flow.unit.encode("ascii"))
        before = read(state, key) or [list(ZERO), list(ZERO)]
        after = add((before[0][0], before[0][1]), given), add((before[1][0], before[1][1]), taken)
        write(state, key, [list(after[0]), list(after[1])])
        # Both sides are counted before the answer: who does not ask about limits goes on.
        lean = add(after[0], negated(after[1]))
        is_frozen = is_frozen or is_beyond(
            terms, party, Measure(lean, flow.unit), is_giving=party == provider
        )
    return FROZEN_RULE if is_frozen and not is_less(flow.amount, ZERO) else None


def is_beyond(terms: Terms, party: bytes, lean: Measure, *, is_giving: bool) -> bool:
    """Whether a party that gives has given too far beyond what it took, or one that takes has taken too far.

    Shapes: lean is what was given less what was taken. Who leans to one side may always go to the other.
    """
    for limit in terms.limits:
        side = limit.given if is_giving else limit.taken
        if limit.party == party and side is not None and side.unit == lean.unit:
            return is_less(side.amount, lean.amount if is_giving else negated(lean.amount))
    return False

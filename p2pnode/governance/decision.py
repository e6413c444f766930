"""What is kept of a closed proposal: the result with its figures, and one hash of all that was counted (J9).

| table | key | value |
|---|---|---|
| `decision` | proposal id | `DecisionRow` |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.fields import Fields, is_rule_id
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.governance.decision_rule import is_subject, rule_of_row
from p2pnode.governance.proposal import ANSWERS_MAX
from p2pnode.governance.subjects import CANDIDATES_MAX
from p2pnode.governance.tally import RESULTS

_COUNTS = ("yes", "no", "abstain", "object", "ranked", "voters")
_TIMES = ("opened_ms", "opened_height", "deadline_ms", "closed_ms", "closed_height", "round")
_HASHES = ("author", "body_hash", "electorate", "counted")


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A closed proposal.

    Shapes: result is one of `tally.RESULTS`; rule says why a passed decision could not be carried out, or is
    empty; body_hash is SHA-256 of the body's canonical bytes; electorate names a row of that table, by
    SHA-256 of the ids one behind the other; decided_by is the value of a `DecisionRule`; counted is
    `tally.counted_hash`; elected are member ids in the order of their election; answers are entry ids.
    Units: times are those of blocks, in ms.
    """

    author: bytes
    subject: str
    body_hash: bytes
    annex: bytes | None
    result: str
    rule: str
    yes: int
    no: int
    abstain: int
    object: int
    ranked: int
    voters: int
    electorate: bytes
    decided_by: Value
    counted: bytes
    elected: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    round: int
    opened_ms: int
    opened_height: int
    deadline_ms: int
    closed_ms: int
    closed_height: int


def encode_decision(row: DecisionRow) -> bytes:
    """The value of a row: a canonical map with the names of the fields."""
    return codec.encode({field.name: getattr(row, field.name) for field in fields(row)})


def decode_decision(data: bytes) -> DecisionRow:
    """The decision in the value of a row, also one that somebody shows. Errors: FormatError
    decision.bad_field, charter.bad_field, codec.*."""
    value = codec.decode(data)
    names = [field.name for field in fields(DecisionRow)]
    checked = Fields(value, "decision", names)
    for name in _HASHES:
        checked.hash(name)
    for name in _COUNTS:
        checked.uint(name, MEMBERS_MAX)
    for name in _TIMES:
        checked.uint(name)
    if value["annex"] is not None:
        checked.hash("annex")
    if not is_subject(value["subject"]):
        raise checked.refuse("subject", "not 1 to 32 of a-z, 0-9, dot, underscore")
    if type(value["rule"]) is not str or (value["rule"] and not is_rule_id(value["rule"])):
        raise checked.refuse("rule", "no id of a rule")
    checked.choice("result", RESULTS)
    rule_of_row(value["decided_by"])
    ids = {
        "elected": _hashes(checked, "elected", CANDIDATES_MAX),
        "answers": _hashes(checked, "answers", ANSWERS_MAX),
    }
    return DecisionRow(**{**value, **ids})


def _hashes(checked: Fields, name: str, most: int) -> tuple[bytes, ...]:
    items = checked.items(name, most)
    if any(type(item) is not bytes or len(item) != HASH_BYTES for item in items):
        raise checked.refuse(name, "not a list of ids")
    return tuple(items)


def decision(rows: Rows, proposal_id: bytes) -> DecisionRow | None:
    """What became of a closed proposal."""
    data = rows.get(decision_key(proposal_id))
    return None if data is None else decode_decision(data)


def decisions(rows: Rows) -> Iterator[tuple[bytes, DecisionRow]]:
    """All closed proposals, ascending by id."""
    prefix = row_key("decision")
    return ((key[len(prefix) :], decode_decision(data)) for key, data in rows.scan(prefix))


def decision_key(proposal_id: bytes) -> bytes:
    """The key of the row that a proof of a decision shows."""
    return row_key("decision", proposal_id)


def put_decision(state: State, proposal_id: bytes, row: DecisionRow) -> None:
    """Write what became of a proposal."""
    state.put(decision_key(proposal_id), encode_decision(row))

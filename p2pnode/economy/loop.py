"""What a set-off says: `loop.propose` and `loop.answer`.

A loop names what several people owe each other in one unit, and how much of each promise is set off, so that
nobody gives or gets more or less than before. What follows is carried out by `looping.py`; which loops there
are is found off the record (`p2pnode/loop_finding.py`).

| table | key | value |
|---|---|---|
| `loop` | entry id | `LoopRow` |
| `loop_items` | hash of what is set off | the loop that proposes just this and is not over |
| `loop_of` | member id, entry id | nil: for each party, while it is not over |
| `loop_by` | member id, entry id | nil: what a member has proposed and is not over |
| `set_off` | id of a promise, a clause or a claim | how much of it was set off in all |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from p2pnode.consensus.rows import Rows
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, amount_of_value, is_less, negated
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, tagged_hash
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.economy import agents, form, promising, tables
from p2pnode.economy.agreement import GIFT, agreement
from p2pnode.economy.form import Form, Kind
from p2pnode.economy.tables import OPEN, ZERO

PROPOSE_TYPE = "loop.propose"
ANSWER_TYPE = "loop.answer"
ITEMS_MAX = 200
PARTIES_MAX = 100
"""A loop waits for everybody in it: of a longer one nobody would live to see the end."""

PROPOSED, SETTLED, DECLINED, WITHDRAWN, EXPIRED, VOID = (
    "proposed",
    "settled",
    "declined",
    "withdrawn",
    "expired",
    "void",
)
_ROWS_CACHED = 256


@dataclass(frozen=True, slots=True)
class Item:
    """So much of one promise. Shapes: promise is the id of a promise, a clause or a claim."""

    promise: bytes
    amount: Amount

    @property
    def value(self) -> Value:
        """The array in payloads."""
        return [self.promise, list(self.amount)]


@dataclass(frozen=True, slots=True)
class Loop:
    """What is set off when all have signed.

    Shapes: items ascend by promise. Units: answer_until_ms is judged by the time of the block that orders an
    answer.
    """

    unit: str
    items: tuple[Item, ...]
    answer_until_ms: int
    annex: bytes | None = None

    @property
    def items_hash(self) -> bytes:
        """The name of what is set off, whoever proposes it and until when."""
        return items_hash(self.unit, self.items)


@dataclass(frozen=True, slots=True)
class Answer:
    """A party's yes or no, or that who proposed it takes it back. Shapes: annex holds the reason."""

    loop: bytes
    accepts: bool
    annex: bytes | None = None


def items_hash(unit: str, items: tuple[Item, ...]) -> bytes:
    """The name of a set-off."""
    return tagged_hash("loop-items", unit.encode("ascii"), codec.encode([item.value for item in items]))


def _items(fields: Fields, name: str) -> tuple[Item, ...]:
    read = []
    for part in fields.items(name, ITEMS_MAX, least=2):
        if (
            type(part) is not list
            or len(part) != 2
            or type(part[0]) is not bytes
            or len(part[0]) != HASH_BYTES
        ):
            raise fields.refuse(name, "not [id, amount]")
        amount = amount_of_value(part[1])
        if amount[0] <= 0:
            raise fields.refuse(name, "nothing or less is set off")
        read.append(Item(part[0], amount))
    if any(left.promise >= right.promise for left, right in pairwise(read)):
        raise fields.refuse(name, "not strictly ascending")
    return tuple(read)


def _bool(fields: Fields, name: str) -> bool:
    value = fields.value(name)
    if type(value) is not bool:
        raise fields.refuse(name, "neither true nor false")
    return value


LOOP: Form[Loop] = Form(
    "loop",
    Loop,
    {"answer_until_ms": form.a_time, "items": _items, "unit": form.a_unit},
    {"annex": form.an_id},
    bytes_max=PAYLOAD_BYTES_MAX,
)
ANSWER: Form[Answer] = Form("loop", Answer, {"accepts": _bool, "loop": form.an_id}, {"annex": form.an_id})


# ---- what is owed


@dataclass(frozen=True, slots=True)
class Owed:
    """What of a promise or a claim is still open. Shapes: is_effort when hours are owed, of whatever kind."""

    id: bytes
    provider: bytes
    receiver: bytes
    unit: str
    kind: Kind | None
    open: Amount
    due_ms: int | None
    is_effort: bool
    is_claim: bool = False


def owed(rows: Rows, promise_id: bytes) -> Owed | str:
    """What is open of a promise, or the rule by which nothing of it can be set off."""
    promise = tables.commitment(rows, promise_id)
    if promise is not None:
        return _promised(rows, promise_id, promise)
    claim = tables.claim(rows, promise_id)
    return "loop.unknown_promise" if claim is None else _claimed(promise_id, claim)


def _promised(rows: Rows, promise_id: bytes, promise: tables.CommitmentRow) -> Owed | str:
    agreed = None if promise.clause_of is None else agreement(rows, promise.clause_of)
    if agreed is not None and agreed.terms.mode == GIFT:
        return "loop.gift"
    if promise.receiver is None:
        return "loop.promised_to_nobody"
    left = add(promise.promised, negated(promise.fulfilled))
    return Owed(
        promise_id,
        promise.provider,
        promise.receiver,
        promise.unit,
        promise.kind,
        left if promise.status == OPEN and is_less(ZERO, left) else ZERO,
        promise.due_ms,
        promise.action == "work",
    )


def _claimed(claim_id: bytes, claim: tables.ClaimRow) -> Owed:
    said = promising.CLAIM.decode(claim.payload)
    left = add(claim.quantity.amount, negated(claim.settled))
    return Owed(
        claim_id,
        claim.provider,
        claim.receiver,
        claim.quantity.unit,
        said.resource_conforms_to,
        left if claim.status == OPEN and is_less(ZERO, left) else ZERO,
        said.due_ms,
        said.action == "work",
        is_claim=True,
    )


def all_owed(rows: Rows, *, with_claims: bool) -> Iterator[Owed]:
    """Everything that is open between present members, ascending by id; claims where they are asked for."""
    for promise_id, promise in tables.rows_of(rows, tables.CommitmentRow, "commitment"):
        found = _promised(rows, promise_id, promise)
        if isinstance(found, Owed) and _is_between_members(rows, found):
            yield found
    for claim_id, claim in tables.rows_of(rows, tables.ClaimRow, "claim") if with_claims else ():
        asked = _claimed(claim_id, claim)
        if _is_between_members(rows, asked):
            yield asked


def _is_between_members(rows: Rows, found: Owed) -> bool:
    return found.open != ZERO and all(
        agents.is_present(rows, one) for one in (found.provider, found.receiver)
    )


# ---- rows


@dataclass(frozen=True, slots=True)
class LoopRow:
    """A set-off, proposed or over.

    Shapes: parties and signers are member ids, ascending; ended_by is who declined or took it back; changed
    is the promise of which less was open than was to be set off. Units: times are those of blocks.
    """

    status: str
    author: bytes
    payload: bytes
    parties: tuple[bytes, ...]
    signers: tuple[bytes, ...]
    proposed_ms: int
    ended_ms: int | None = None
    ended_by: bytes | None = None
    changed: bytes | None = None
    annex: bytes | None = None

    @property
    def said(self) -> Loop:
        """What it says."""
        return _said_of(self.payload)


@lru_cache(maxsize=_ROWS_CACHED)
def _said_of(payload: bytes) -> Loop:
    return LOOP.decode(payload)


def loop(rows: Rows, loop_id: bytes) -> LoopRow | None:
    """A loop."""
    return tables.row(rows, LoopRow, "loop", loop_id)


def status_at(row: LoopRow, time_ms: int) -> str:
    """The state of a loop at a time: one that was not signed in time is over by itself."""
    return EXPIRED if row.status == PROPOSED and time_ms > row.said.answer_until_ms else row.status


def changed_promise(rows: Rows, said: Loop) -> bytes | None:
    """The first promise of which less is open than is to be set off, or None."""
    for item in said.items:
        found = owed(rows, item.promise)
        if not isinstance(found, Owed) or is_less(found.open, item.amount):
            return item.promise
    return None

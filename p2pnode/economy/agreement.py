"""What an agreement says: `agreement.propose` and the entries that answer, withdraw, reduce and close it.

The terms are data that every party signs by their hash. What follows is carried out by `agreeing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.economy import agents, form, tables
from p2pnode.economy.actions import FLOWING
from p2pnode.economy.event import check_quantities
from p2pnode.economy.form import Form, Kind
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.governance.tables import read, scan

PROPOSE_TYPE = "agreement.propose"
ANSWER_TYPE = "agreement.answer"
WITHDRAW_TYPE = "agreement.withdraw"
REDUCE_TYPE = "agreement.reduce"
CLOSE_TYPE = "agreement.close"

PARTIES_MAX = 100
CLAUSES_MAX = 200
TIMES_MAX = 366
DAYS_MAX = 3660
TERMS_CACHED = 256
_PART_MAX = 1000

RECIPROCAL, GIFT = "reciprocal", "gift"
PROPOSED, ACCEPTED, DECLINED, WITHDRAWN, EXPIRED, CLOSED = (
    "proposed",
    "accepted",
    "declined",
    "withdrawn",
    "expired",
    "closed",
)

Part = tuple[int, int]
"""A ratio [num, den] from nothing to the whole."""


@dataclass(frozen=True, slots=True)
class Clause:
    """What one party gives another.

    Shapes: the quantity is what is given each time; without `times` there is one time, without `every_days`
    no dates. Units: due_ms is the first date.
    """

    action: str
    provider: bytes
    receiver: bytes
    due_ms: int | None = None
    effort_quantity: Measure | None = None
    every_days: int | None = None
    resource_conforms_to: Kind | None = None
    resource_quantity: Measure | None = None
    times: int | None = None

    @property
    def quantity(self) -> Measure:
        """How much is given each time."""
        measure = self.effort_quantity or self.resource_quantity
        assert measure is not None, "a checked clause has a quantity"
        return measure

    @property
    def value(self) -> dict[str, codec.Value]:
        """The map in payloads."""
        return CLAUSE.value(self)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a party's balance in one unit may lean: what it gave beyond what it took, and the other way
    round. None is no limit.
    """

    party: bytes
    given: Measure | None = None
    taken: Measure | None = None

    @property
    def value(self) -> dict[str, codec.Value]:
        """The map in payloads."""
        return LIMIT.value(self)


@dataclass(frozen=True, slots=True)
class Terms:
    """What all parties sign.

    Shapes: parties are member ids, ascending; tolerance is by which part a clause may be missed or exceeded;
    shared_risk by which part a provider may give less when a harvest fails, without owing it; replaces names
    an agreement that is closed when this one is in force: its parties sign too, so parties and terms change
    only by all. Units: ms; answer_until_ms is judged by the time of the block that orders an answer; the
    first block after end_ms closes it.
    """

    name: str
    parties: tuple[bytes, ...]
    clauses: tuple[Clause, ...]
    answer_until_ms: int
    mode: str = RECIPROCAL
    annex: bytes | None = None
    end_ms: int | None = None
    limits: tuple[Limit, ...] = ()
    replaces: bytes | None = None
    review_ms: int | None = None
    shared_risk: Part | None = None
    tolerance: Part | None = None

    @property
    def hash(self) -> bytes:
        """By what a party says that it signs these terms and no others."""
        return tagged_hash("agreement-terms", TERMS.encode(self))

    @property
    def matter(self) -> bytes:
        """What is agreed on, whatever is said beside it and until when answers are taken.

        Two who propose the same thing to each other at the same time mean one agreement.
        """
        return tagged_hash("agreement-matter", TERMS.encode(replace(self, answer_until_ms=0, annex=None)))


@dataclass(frozen=True, slots=True)
class Answer:
    """A party's yes or no. Shapes: terms is the hash of what it read; annex holds the reason."""

    agreement: bytes
    terms: bytes
    accepts: bool
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """An agreement that is withdrawn or closed. Shapes: annex holds the words for it."""

    agreement: bytes
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is left of a clause after a failed harvest. Shapes: quantity is the whole of it, all times."""

    agreement: bytes
    clause: int
    quantity: Measure
    annex: bytes | None = None


def _part(fields: Fields, name: str) -> Part:
    items = fields.items(name, 2, least=2)
    if any(type(item) is not int for item in items) or not 0 < items[0] <= items[1] <= _PART_MAX:
        raise fields.refuse(name, f"not [num, den] with 0 < num <= den <= {_PART_MAX}")
    smaller, larger = items
    while smaller:
        smaller, larger = larger % smaller, smaller
    if larger != 1:
        raise fields.refuse(name, "not in lowest terms (J3)")
    return (items[0], items[1])


def _bool(fields: Fields, name: str) -> bool:
    value = fields.value(name)
    if type(value) is not bool:
        raise fields.refuse(name, "neither true nor false")
    return value


def _clauses(fields: Fields, name: str) -> tuple[Clause, ...]:
    return tuple(CLAUSE.read(item) for item in fields.items(name, CLAUSES_MAX, least=1))


def _limits(fields: Fields, name: str) -> tuple[Limit, ...]:
    return tuple(LIMIT.read(item) for item in fields.items(name, PARTIES_MAX, least=1))


def _limit(fields: Fields, name: str) -> Measure:
    measure = measure_of_value(fields.value(name))
    if measure.amount[0] < 0:
        raise fields.refuse(name, "less than nothing")
    return measure


def _check_clause(clause: Clause) -> None:
    if clause.action not in FLOWING:
        raise FormatError("agreement.no_flow", f"by {clause.action} nobody gives anything")
    check_quantities("agreement", clause.action, clause.resource_quantity, clause.effort_quantity)
    if clause.provider == clause.receiver:
        raise FormatError("agreement.to_oneself", "a clause is between two")
    if clause.every_days is not None and (clause.times is None or clause.due_ms is None):
        raise FormatError("agreement.bad_schedule", "a rhythm has a first date and a number of times")


def _check_limit(limit: Limit) -> None:
    if limit.given is None and limit.taken is None:
        raise FormatError("agreement.bad_limit", "a limit of what is given or of what is taken")


def _check_terms(terms: Terms) -> None:
    named = {clause.provider for clause in terms.clauses}
    if not named.issubset(terms.parties):
        raise FormatError("agreement.not_a_party", "who gives is a party")
    if any(limit.party not in terms.parties for limit in terms.limits):
        raise FormatError("agreement.not_a_party", "a limit belongs to a party")
    keys = [(limit.party, (limit.given or limit.taken or _NO_UNIT).unit) for limit in terms.limits]
    if any(left >= right for left, right in pairwise(keys)):
        raise FormatError("agreement.bad_limit", "limits ascend by party and unit")
    if any(limit.given and limit.taken and limit.given.unit != limit.taken.unit for limit in terms.limits):
        raise FormatError("agreement.bad_limit", "both sides of a limit have one unit")
    if terms.mode == RECIPROCAL and named != set(terms.parties):
        raise FormatError("agreement.one_sided", "every party gives something, or it is a gift and says so")
    taking = {clause.receiver for clause in terms.clauses}
    if not set(terms.parties).issubset(named | taking):
        raise FormatError("agreement.bystander", "a party without any part in it")
    form.check_times("agreement", terms.review_ms, terms.end_ms)


_NO_UNIT = Measure((0, 0), "one")

CLAUSE: Form[Clause] = Form(
    "agreement",
    Clause,
    {"action": form.words, "provider": form.an_id, "receiver": form.an_id},
    {
        "due_ms": form.a_time,
        "effort_quantity": form.a_measure,
        "every_days": form.number(DAYS_MAX, 1),
        "resource_conforms_to": form.a_kind,
        "resource_quantity": form.a_measure,
        "times": form.number(TIMES_MAX, 2),
    },
    _check_clause,
)
LIMIT: Form[Limit] = Form(
    "agreement", Limit, {"party": form.an_id}, {"given": _limit, "taken": _limit}, _check_limit
)
TERMS: Form[Terms] = Form(
    "agreement",
    Terms,
    {
        "answer_until_ms": form.a_time,
        "clauses": _clauses,
        "mode": form.choice(RECIPROCAL, GIFT),
        "name": form.a_name,
        "parties": form.ids(PARTIES_MAX, 2),
    },
    {
        "annex": form.an_id,
        "end_ms": form.a_time,
        "limits": _limits,
        "replaces": form.an_id,
        "review_ms": form.a_time,
        "shared_risk": _part,
        "tolerance": _part,
    },
    _check_terms,
    PAYLOAD_BYTES_MAX,
)
ANSWER: Form[Answer] = Form(
    "agreement",
    Answer,
    {"accepts": _bool, "agreement": form.an_id, "terms": form.an_id},
    {"annex": form.an_id},
)
WITHDRAW: Form[Reference] = Form("agreement", Reference, {"agreement": form.an_id}, {"annex": form.an_id})
CLOSE: Form[Reference] = WITHDRAW
REDUCE: Form[Reduction] = Form(
    "agreement",
    Reduction,
    {"agreement": form.an_id, "clause": form.number(CLAUSES_MAX - 1), "quantity": _limit},
    {"annex": form.an_id},
)


# ---- rows


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement, proposed or in force or over.

    Shapes: signers are those who accepted, ascending; ended_by is who ended it, None where its end had come;
    annex holds their words. Units: times are those of blocks.
    """

    status: str
    author: bytes
    payload: bytes
    signers: tuple[bytes, ...]
    proposed_ms: int
    accepted_ms: int | None = None
    ended_ms: int | None = None
    ended_by: bytes | None = None
    annex: bytes | None = None

    @property
    def terms(self) -> Terms:
        """What it says."""
        return _terms_of(self.payload)


@lru_cache(maxsize=TERMS_CACHED)
def _terms_of(payload: bytes) -> Terms:
    """The terms in a row; every delivery asks for them again."""
    return TERMS.decode(payload)


def agreement(rows: Rows, agreement_id: bytes) -> AgreementRow | None:
    """An agreement."""
    value = read(rows, row_key("agreement", agreement_id))
    return None if value is None else _row_of(value)


def agreements(rows: Rows) -> Iterator[tuple[bytes, AgreementRow]]:
    """All agreements, ascending by id."""
    return ((agreement_id, _row_of(value)) for agreement_id, value in scan(rows, "agreement"))


def put_agreement(state: State, agreement_id: bytes, row: AgreementRow) -> None:
    """Write an agreement."""
    tables.put(state, "agreement", agreement_id, row)


def _row_of(value: codec.Value) -> AgreementRow:
    status, author, payload, signers, *times = value
    return AgreementRow(status, author, payload, tuple(signers), *times)


def clause_id(agreement_id: bytes, index: int) -> bytes:
    """The id by which events name a clause."""
    return tagged_hash("clause", agreement_id, index.to_bytes(2, "big"))


def status_at(row: AgreementRow, time_ms: int) -> str:
    """The state of an agreement at a time: one that nobody answered in time is over by itself."""
    is_late = row.status == PROPOSED and time_ms > row.terms.answer_until_ms
    return EXPIRED if is_late else row.status


def signers_needed(rows: Rows, terms: Terms) -> tuple[bytes, ...]:
    """Who has to sign terms, ascending: the parties, and those of an agreement in force that they replace.

    Shapes: a party of the replaced one that has left the group is not waited for.
    """
    replaced = None if terms.replaces is None else agreement(rows, terms.replaces)
    if replaced is None or replaced.status != ACCEPTED:
        return terms.parties
    leaving = [party for party in replaced.terms.parties if agents.is_present(rows, party)]
    return tuple(sorted({*terms.parties, *leaving}))

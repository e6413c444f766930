"""Runs: sharing what flowed in, as the group decided by its charter.

A run is a proposal. When it opens, every node applies the rule to the journal of some blocks; what the
proposal says must be what comes out, or it is void. What follows when it has passed is the business of
`giving_shares.py`. What may flow back to outside money then (`transvestment.py`) stands in the row of the
run, for it changes with each payment.

| table | key | value |
|---|---|---|
| `distribution` | id of the proposal | `RunRow` |
| `share` | proposal id, number of the bucket in 1 byte | [name, kind, base, amount, [[of, who, amount]...]] |
| `shared` | unit, zero, kind of thing or nothing | height up to which its flow is shared out |

A claim, and an event of a transfer, has the id `share_id`; of what flows back, that of the claim it settles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, amount_of_value, negated
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import journal, transvestment
from p2pnode.economy.distributing import Basis, Capped, Given, Result, distribute
from p2pnode.economy.journal import CONSUMED, CONTRIBUTED, GIVEN, RECEIVED, Line
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import ZERO
from p2pnode.governance import tables as members
from p2pnode.governance.distribution_rule import (
    CAPPED,
    CONSUMPTION,
    CONTRIBUTIONS,
    NAME_CHARACTERS_MAX,
    SURPLUS,
    DistributionRule,
    rule_of_value,
)

DISTRIBUTE_SUBJECT = "distribute"
PROPOSED, CARRIED_OUT = "proposed", "carried_out"
OTHER_RESULT_RULE = "distribution.other_result"
CAPPED_MAX = 500
"""Claims to which one run gives back; those beyond, by their ids, wait until these are paid."""


_CAPPED_COLUMNS = ("claim", "who", "left")


@dataclass(frozen=True, slots=True)
class Run:
    """A rule applied to the journal of the blocks above one height up to another.

    Shapes: value is the rule as the charter has it; inputs are all lines that were read, in their order, and
    digest is their hash.
    """

    name: str
    value: Value
    after: int
    last: int
    basis: Basis
    inputs: tuple[Line, ...]
    digest: bytes
    result: Result

    @property
    def rule(self) -> DistributionRule:
        """The rule."""
        return rule_of_value(self.value)

    @property
    def buckets(self) -> list[Value]:
        """The rows of the table `share`, in their order."""
        return [
            [
                bucket.name,
                bucket.kind,
                bucket.base,
                bucket.amount,
                [[share.of, share.who, share.amount] for share in bucket.shares],
            ]
            for bucket in self.result.buckets
        ]

    @property
    def body(self) -> dict[str, Value]:
        """What a proposal says of it."""
        return {
            "after": self.after,
            "flow": list(self.basis.flow),
            "last": self.last,
            "result": self.hash,
            "rule": self.name,
        }

    @property
    def hash(self) -> bytes:
        """What a proposal names the rule, the inputs and the result by."""
        said = [self.value, self.after, self.last, list(self.basis.flow), b"".join(self.basis.members)]
        capped = _capped_value(self.basis.capped)
        return tagged_hash("distribution", codec.encode([*said, self.digest, capped, self.buckets]))


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the group keeps it.

    Shapes: rule is the charter's value when it opened; members, one behind the other, had equal shares then;
    capped is what might flow back then; inputs and result are hashes. Units: rest counts smallest shares.
    """

    status: str
    author: bytes
    name: str
    rule: Value
    after: int
    last: int
    flow: Amount
    members: bytes
    capped: tuple[Capped, ...]
    inputs: bytes
    result: bytes
    rest: int
    opened_height: int


def inputs_hash(inputs: tuple[Line, ...]) -> bytes:
    """What lines of the journal are named by."""
    return tagged_hash("journal", *(codec.encode([*line[:-1], list(line.amount)]) for line in inputs))


def share_id(run_id: bytes, who: bytes) -> bytes:
    """The id of the claim, or of the event, by which somebody has a share of a run."""
    return tagged_hash("share", run_id, who)


# ---- rows


def run_row(rows: Rows, run_id: bytes) -> RunRow | None:
    """A run."""
    data = rows.get(run_key(run_id))
    return None if data is None else decode_run(data)


def run_key(run_id: bytes) -> bytes:
    """The key of the row that an export shows."""
    return row_key("distribution", run_id)


def decode_run(data: bytes) -> RunRow:
    """The run in the value of a row, also one that somebody shows.

    Errors: FormatError distribution.bad_field, charter.bad_field, amount.*, codec.*.
    """
    value = codec.decode(data)
    names = [field.name for field in fields(RunRow)]
    if type(value) is not list or len(value) != len(names):
        raise FormatError("distribution.bad_field", "not the row of a run")
    checked = Fields(dict(zip(names, value, strict=True)), "distribution", names)
    checked.choice("status", (PROPOSED, CARRIED_OUT))
    for name in ("author", "inputs", "result"):
        checked.hash(name)
    for name in ("after", "last", "rest", "opened_height"):
        checked.uint(name)
    checked.text("name", NAME_CHARACTERS_MAX)
    rule_of_value(checked.value("rule"))
    ids = checked.value("members")
    if type(ids) is not bytes or len(ids) % HASH_BYTES:
        raise checked.refuse("members", "not ids one behind the other")
    capped = _capped_of_value(checked)
    return replace(RunRow(*value), flow=amount_of_value(checked.value("flow")), capped=capped)


def _capped_of_value(checked: Fields) -> tuple[Capped, ...]:
    found: list[Capped] = []
    for item in checked.items("capped", CAPPED_MAX):
        if type(item) is not list or len(item) != len(_CAPPED_COLUMNS):
            raise checked.refuse("capped", "not lists of three parts")
        columns = Fields(dict(zip(_CAPPED_COLUMNS, item, strict=True)), "distribution", _CAPPED_COLUMNS)
        left = amount_of_value(columns.value("left"))
        found.append(Capped(columns.hash("claim"), columns.hash("who"), left))
    if [one.claim for one in found] != sorted({one.claim for one in found}):
        raise checked.refuse("capped", "claims ascend")
    return tuple(found)


def _capped_value(capped: tuple[Capped, ...]) -> Value:
    return [[one.claim, one.who, list(one.left)] for one in capped]


def encode_run(row: RunRow) -> bytes:
    """The value of the row of a run."""
    written = {field.name: getattr(row, field.name) for field in fields(row)}
    written |= {"flow": list(row.flow), "capped": _capped_value(row.capped)}
    return codec.encode(list(written.values()))


def runs(rows: Rows) -> Iterator[tuple[bytes, RunRow]]:
    """All runs by their ids, ascending."""
    prefix = row_key("distribution")
    return ((key[len(prefix) :], decode_run(data)) for key, data in rows.scan(prefix))


def shares(rows: Rows, run_id: bytes) -> list[Value]:
    """The buckets of a run, in their order."""
    return [value for _, value in members.scan(rows, "share", run_id)]


def shared_up_to(rows: Rows, rule: DistributionRule) -> int:
    """The height up to which anything of a rule's flow is shared out."""
    kinds: dict[bytes, int] = dict(members.scan(rows, "shared", f"{rule.unit}\0".encode()))
    if rule.of_kind is None:
        return max(kinds.values(), default=0)
    return max(kinds.get(b"", 0), kinds.get(rule.of_kind.encode("utf-8"), 0))


# ---- applying a rule


def apply_rule(rows: Rows, name: str, value: Value, after: int, last: int) -> Run:
    """What a rule gives for the blocks above one height up to another."""
    rule = rule_of_value(value)
    wanted = [RECEIVED, *([GIVEN] if rule.flow == SURPLUS else [])]
    kinds = {bucket.kind for bucket in rule.buckets}
    wanted += CONTRIBUTED if CONTRIBUTIONS in kinds else ()
    wanted += [CONSUMED] if CONSUMPTION in kinds else []
    inputs = tuple(
        line
        for what in wanted
        for line in journal.lines(rows, what, after, last)
        if what in CONTRIBUTED or is_in_flow(rule, line)
    )
    present = tuple(who for who, row in members.members(rows) if row.status == "member")
    basis = basis_of(inputs, present)
    if CAPPED in kinds:
        basis = replace(basis, capped=_capped(rows, Measure(basis.flow, rule.unit)))
    return Run(name, value, after, last, basis, inputs, inputs_hash(inputs), distribute(rule, basis))


def _capped(rows: Rows, flow: Measure) -> tuple[Capped, ...]:
    """What of a flow may go back to outside money that came in its unit, ascending by claim."""
    claims = transvestment.capped_claims(rows)
    found = (Capped(one.claim, one.provider, transvestment.return_of(one, flow)) for one in claims)
    return tuple(one for one in found if one.left != ZERO)[:CAPPED_MAX]


def is_in_flow(rule: DistributionRule, line: Line) -> bool:
    """Whether a line is about what a rule shares."""
    return line.unit == rule.unit and rule.of_kind in (None, line.kind)


def basis_of(inputs: tuple[Line, ...], present: tuple[bytes, ...]) -> Basis:
    """What a rule is applied to, out of lines of the journal. Errors: FormatError amount.out_of_range."""
    flow: Amount = ZERO
    for line in inputs:
        if line.what in (RECEIVED, GIVEN):
            flow = add(flow, line.amount if line.what == RECEIVED else negated(line.amount))
    given = (
        Given(line.who, line.what, line.kind, line.unit, line.amount)
        for line in inputs
        if line.what in CONTRIBUTED
    )
    consumed = ((line.who, line.amount) for line in inputs if line.what == CONSUMED)
    return Basis(flow, tuple(sorted(present)), tuple(given), tuple(consumed))


# ---- the proposal


def open_run(state: State, context: BlockContext, run_id: bytes, author: bytes, body: Value) -> str | None:
    """Keep what a proposed run gives, or say why it cannot be put to the group.

    Errors: FormatError amount.out_of_range.
    """
    value = members.charter(state).setting("distribution").get(body["rule"])
    if value is None:
        return "distribution.unknown_rule"
    rule, after, last = rule_of_value(value), body["after"], body["last"]
    if not after < last < context.height:
        return "distribution.bad_range"
    if after < shared_up_to(state, rule):
        return "distribution.shared_already"
    run = apply_rule(state, body["rule"], value, after, last)
    if not run.result.total:
        return "distribution.nothing_to_share"
    if run.body != body:
        return OTHER_RESULT_RULE
    row = RunRow(
        PROPOSED,
        author,
        run.name,
        value,
        after,
        last,
        run.basis.flow,
        b"".join(run.basis.members),
        run.basis.capped,
        run.digest,
        run.hash,
        run.result.rest,
        context.height,
    )
    state.put(run_key(run_id), encode_run(row))
    for number, bucket in enumerate(run.buckets):
        members.write(state, row_key("share", run_id, bytes([number])), bucket)
    return None


def again(rows: Rows, row: RunRow) -> Run:
    """The rule of a run applied once more, to what the rows say of the same blocks.

    Shapes: equal shares go to those who were members when it opened, returns to what was left below the caps
    then. Errors: FormatError amount.out_of_range.
    """
    run = apply_rule(rows, row.name, row.rule, row.after, row.last)
    basis = replace(run.basis, members=ids_in(row.members), capped=row.capped)
    return replace(run, basis=basis, result=distribute(run.rule, basis))


def ids_in(data: bytes) -> tuple[bytes, ...]:
    """Ids that stand one behind the other."""
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))

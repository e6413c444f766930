"""What was given and received, by a member or in a group, in words for a meeting, with what proves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from p2pnode.core.amount import Amount, difference, negated
from p2pnode.core.entry import decode_header
from p2pnode.economy import event, journal, recording, tables
from p2pnode.economy.agreement import agreements
from p2pnode.economy.commons import all_commons
from p2pnode.economy.economy_types import ECONOMY_TYPES
from p2pnode.economy.labels import measure_text
from p2pnode.economy.measure import Measure
from p2pnode.economy.sharing import run_row
from p2pnode.economy.tables import DECLINED, STANDING, STRUCK, WAITING, EventRow
from p2pnode.economy.transvestment import inflows
from p2pnode.local.account_shapes import Account, AccountLine, AccountSection
from p2pnode.service.commons_rows import commons_shown, inflow_shown
from p2pnode.service.context import Context
from p2pnode.service.economy_names import agent_name, amount, kind_name
from p2pnode.service.economy_rows import agreement_shown
from p2pnode.service.history import History
from p2pnode.service.naming_economy import agent_of
from p2pnode.service.paging import ROWS_MAX, Page, listed_rows
from p2pnode.service.viewing import GroupView
from p2pnode.store.group_file import number_and_seq

LINES_MAX = 2000
"""Lines of a statement: what can be read in a meeting, and printed."""

_TYPES = frozenset(entry_type.name for entry_type in ECONOMY_TYPES)
_STATES = {
    "final": "final: a block has ordered it",
    "acknowledged": "acknowledged: most voters have built on it, no block has ordered it yet",
    "signed": "signed: no block has ordered it yet",
    "waiting": "not complete here: something that it names is missing",
    "void": "void: it changes nothing",
}


class Wanted(NamedTuple):
    """What a statement is about. Shapes: who is an agent, or nothing for the group. Units: ms, wall time."""

    who: bytes | None
    from_ms: int | None
    to_ms: int | None

    def holds(self, time_ms: int) -> bool:
        """Whether a time lies in the period."""
        return (self.from_ms is None or self.from_ms <= time_ms) and (
            self.to_ms is None or time_ms < self.to_ms
        )


class AccountService:
    """The part of the service about statements."""

    context: Context

    async def account(self, group: str, who: str | None, from_ms: int | None, to_ms: int | None) -> Account:
        held = self.context.held(group)

        def read(view: GroupView) -> Account:
            wanted = Wanted(None if who is None else agent_of(view, who), from_ms, to_ms)
            return account_of(view, wanted)

        return await self.context.view(held, read, with_facts=True)


def account_of(view: GroupView, wanted: Wanted) -> Account:
    """The statement."""
    tip = view.final.tip()
    records = _Records(view, wanted)
    sections = records.sections()
    sections += [_agreements(view, wanted), _shares(view, wanted, records), _inflows(view, wanted, records)]
    if wanted.who is not None:
        sections.append(_commons(view, wanted.who))
    sections.append(records.void())
    return Account(
        group=view.describer.group_name,
        group_id=view.group.hex(),
        who="" if wanted.who is None else agent_name(view, wanted.who),
        made_ms=view.now_ms,
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        height=0 if tip is None else tip.height,
        block="" if tip is None else tip.id.hex(),
        sections=[section for section in sections if section["lines"] or section["empty"]],
        is_cut=records.is_cut,
    )


class _Records:
    """The records of a period, and how far each is."""

    def __init__(self, view: GroupView, wanted: Wanted) -> None:
        self._view = view
        self._wanted = wanted
        self._found = sorted(self._read(), key=lambda item: (item[2].performed_ms, item[0]))
        self.is_cut = len(self._found) > LINES_MAX
        self._found = self._found[-LINES_MAX:]

    @cached_property
    def _history(self) -> History:
        return History(self._view.queries)

    def _read(self) -> Iterator[tuple[bytes, EventRow, event.Event]]:
        """Records of the period, at most one more than are shown."""
        after: bytes | None = None
        count = 0
        while True:
            rows = listed_rows(self._view, "event", self._wanted.who, Page(ROWS_MAX, after))
            for record_id, row in rows:
                said = event.decode(row.payload)
                if self._wanted.holds(said.performed_ms):
                    yield record_id, row, said
                    count += 1
                    if count > LINES_MAX:
                        return
            if len(rows) < ROWS_MAX:
                return
            after = rows[-1][0]

    def sections(self) -> list[AccountSection]:
        """Given and received; for the whole group also what went from one to another."""
        who, group = self._wanted.who, self._view.group
        if who is not None:
            name = agent_name(self._view, who)
            return [
                self._section(f"Given by {name}", lambda row: row.provider == who),
                self._section(f"Received by {name}", lambda row: row.receiver == who != row.provider),
            ]
        return [
            self._section("Given to the group", lambda row: row.receiver == group),
            self._section("Given by the group", lambda row: row.provider == group != row.receiver),
            self._section("Among members and others", lambda row: group not in (row.provider, row.receiver)),
        ]

    def _section(self, title: str, belongs: Callable[[EventRow], bool]) -> AccountSection:
        found = [item for item in self._found if belongs(item[1])]
        return AccountSection(
            title=title,
            lines=[self._line(*item) for item in found],
            totals=self._totals(found),
            empty="Nothing in this period.",
        )

    def _line(self, record_id: bytes, row: EventRow, said: event.Event) -> AccountLine:
        return AccountLine(
            time_ms=said.performed_ms,
            text=self._text(row, said),
            amount=_amounts(row, said),
            state=self._state(record_id, row, said),
            entry=record_id.hex(),
            block=self.block_of(row.entry),
        )

    def _text(self, row: EventRow, said: event.Event) -> str:
        view = self._view
        words = [said.action, kind_name(view, said.resource_conforms_to)]
        sides = f"{agent_name(view, row.provider)} to {agent_name(view, row.receiver)}"
        if row.provider == row.receiver:
            sides = agent_name(view, row.provider)
        parts = [" ".join(word for word in words if word), sides]
        parts += [f"for {said.stream}"] if said.stream is not None else []
        parts += [f"corrects {said.corrects.hex()[:8]}"] if said.corrects is not None else []
        note = view.text(said.annex, "note")
        return ", ".join(parts) + (f": {note}" if note else "")

    def _state(self, record_id: bytes, row: EventRow, said: event.Event) -> str:
        view = self._view
        if row.status == WAITING:
            missing = recording.missing_signers(view.rows, row, said, view.context)
            names = " and ".join(agent_name(view, one) for one in missing)
            return f"does not count yet: waits for {names} to sign"
        if row.status == DECLINED:
            return "declined by somebody whom it names: it does not count"
        if row.status == STRUCK:
            return "struck by a decision of the group: it does not count"
        how_far = self.how_far(row.entry)
        if journal.is_held_back(view.rows, record_id):
            return f"disputed by members, not counted in what is shared; {how_far}"
        return how_far

    def how_far(self, entry_id: bytes) -> str:
        """Signed, acknowledged or final, in words."""
        position = self._view.queries.position_of_id(entry_id)
        if position is None:
            return "final: a block has ordered it, the entry itself is not on this node"
        return _STATES[self._view.describer.detail(position)["row"]["state"]]

    def block_of(self, entry_id: bytes) -> int | None:
        """The height of the block that ordered an entry, as far as that is known here."""
        position = self._view.queries.position_of_id(entry_id)
        return None if position is None else self._history.height_of(*number_and_seq(position))

    def _totals(self, found: Sequence[tuple[bytes, EventRow, event.Event]]) -> list[str]:
        """What stands, by unit: that in final blocks, and what is still to be ordered."""
        final: dict[str, Amount] = {}
        later: dict[str, Amount] = {}
        for record_id, row, said in found:
            # A correction is in the amount of the record that it corrects.
            if row.status != STANDING or said.corrects is not None:
                continue
            held = tables.event(self._view.final, record_id)
            is_final = held is not None and held.status == STANDING
            total = final if is_final else later
            unit = said.quantity.unit
            total[unit] = difference(total.get(unit, (0, 0)), negated(_counted(row, said)))
        return [
            *(f"{amount(final[unit], unit)} in final blocks" for unit in sorted(final)),
            *(f"{amount(later[unit], unit)} not ordered yet" for unit in sorted(later)),
        ]

    def void(self) -> AccountSection:
        """Entries of giving and taking that no rule lets stand, by whoever wrote them."""
        lines = list(self._void_lines())
        self.is_cut = self.is_cut or len(lines) > LINES_MAX
        return AccountSection(title="Void", lines=lines[:LINES_MAX], totals=[], empty="")

    def _void_lines(self) -> Iterator[AccountLine]:
        view = self._view
        found = view.final.void_entries(LINES_MAX)
        for entry_id, rule in view.provisional.items():
            position = view.queries.position_of_id(entry_id) if rule else None
            found += [] if position is None else [(position, rule)]
        for position, rule in found:
            row = view.describer.detail(position)["row"]
            author = None if self._wanted.who is None else self._author(position)
            if row["type"] in _TYPES and self._wanted.holds(row["time_ms"]) and author == self._wanted.who:
                yield AccountLine(
                    time_ms=row["time_ms"],
                    text=f"{row['author_name'] or row['author']}: {row['text']}",
                    amount="",
                    state=f"{_STATES['void']} ({rule})",
                    entry=row["entry"],
                    block=self._history.height_of(*number_and_seq(position)),
                )

    def _author(self, position: int) -> bytes | None:
        stored = self._view.queries.entry_at(position)
        assert stored is not None
        return self._view.describer.member_of(decode_header(stored.header).author)


def _counted(row: EventRow, said: event.Event) -> Amount:
    """What a record amounts to with its corrections, in the unit of its quantity."""
    found = row.effort_amount if said.effort_quantity is not None else row.resource_amount
    return found or (0, 0)


def _amounts(row: EventRow, said: event.Event) -> str:
    pairs = ((said.effort_quantity, row.effort_amount), (said.resource_quantity, row.resource_amount))
    return ", ".join(
        measure_text(Measure(found, measure.unit))
        for measure, found in pairs
        if measure is not None and found is not None
    )


# ---- as it stands now


def _agreements(view: GroupView, wanted: Wanted) -> AccountSection:
    lines: list[AccountLine] = []
    for agreement_id, row in agreements(view.rows):
        if wanted.who is None or wanted.who in row.terms.parties:
            lines += _agreement(view, agreement_id)
    return AccountSection(
        title="Agreements, as they stand now", lines=lines[:LINES_MAX], totals=[], empty="There are none."
    )


def _agreement(view: GroupView, agreement_id: bytes) -> Iterator[AccountLine]:
    shown = agreement_shown(view, agreement_id)
    name = f"{shown['name']}, {shown['mode']} of {' and '.join(shown['parties'])}"
    waits = f", waits for {' and '.join(shown['waits_for'])}" if shown["waits_for"] else ""
    yield _now(name, "", f"{shown['status']}{waits}", agreement_id)
    left = {one["clause"]: one["left"] for one in shown["remainder"]}
    for clause in shown["clauses"]:
        what = " ".join(word for word in (clause["action"], clause["kind"]) if word)
        times = f", {clause['times']} times" if clause["times"] > 1 else ""
        text = f"clause {clause['number']}: {clause['provider']} to {clause['receiver']}, {what}{times}"
        done = f"{clause['fulfilled'] or '0'} of {clause['promised'] or clause['quantity']}"
        remainder = left.get(clause["number"])
        state = clause["status"] or shown["status"]
        yield _now(
            text,
            done,
            state if remainder is None else f"{state}, {remainder} left",
            bytes.fromhex(clause["id"]),
        )


def _shares(view: GroupView, wanted: Wanted, records: _Records) -> AccountSection:
    """Claims on the group out of its runs; shares that were given at once stand among what was received."""
    lines: list[AccountLine] = []
    for claim_id, row in tables.rows_of(view.rows, tables.ClaimRow, "claim"):
        if wanted.who in (None, row.receiver) and run_row(view.rows, row.triggered_by) is not None:
            settled = amount(row.settled, row.quantity.unit)
            lines.append(
                AccountLine(
                    time_ms=None,
                    text=f"{agent_name(view, row.receiver)}, of the run {row.triggered_by.hex()[:8]}",
                    amount=measure_text(row.quantity),
                    state=f"{row.status}, {settled} settled; {records.how_far(row.triggered_by)}",
                    entry=claim_id.hex(),
                    block=records.block_of(row.triggered_by),
                )
            )
    return AccountSection(
        title="Shares of what the group shared out, as they stand now",
        lines=lines[:LINES_MAX],
        totals=[],
        empty="",
    )


def _inflows(view: GroupView, wanted: Wanted, records: _Records) -> AccountSection:
    """Means from outside, with what may still flow back of them."""
    lines: list[AccountLine] = []
    for inflow_id, row in inflows(view.rows):
        if wanted.who not in (None, row.provider, view.group):
            continue
        shown = inflow_shown(view, inflow_id, row)
        returned = f"{shown['returned']} of at most {shown['cap']} flowed back"
        lines.append(
            AccountLine(
                time_ms=row.time_ms,
                text=f"{shown['provider']} to {view.describer.group_name}, {shown['returns']}",
                amount=shown["quantity"],
                state=f"{shown['status']}, {returned}; {records.how_far(inflow_id)}",
                entry=inflow_id.hex(),
                block=records.block_of(inflow_id),
            )
        )
    return AccountSection(
        title="Means from outside, as they stand now", lines=lines[:LINES_MAX], totals=[], empty=""
    )


def _commons(view: GroupView, who: bytes) -> AccountSection:
    lines: list[AccountLine] = []
    for commons_id, row in all_commons(view.rows):
        for standing in commons_shown(view, commons_id, who)["standings"]:
            for one in standing["balances"]:
                state = f"given {one['given']}, taken {one['taken']}"
                lines.append(_now(row.name, "", state, commons_id))
            lines += [
                _now(row.name, owed, "still asked for by the licence", commons_id)
                for owed in standing["owed"]
            ]
    return AccountSection(title="Commons, in the years that count", lines=lines, totals=[], empty="")


def _now(text: str, much: str, state: str, entry: bytes) -> AccountLine:
    return AccountLine(time_ms=None, text=text, amount=much, state=state, entry=entry.hex(), block=None)

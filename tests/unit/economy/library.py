"""A market whose members also keep commons: short ways to say what is said about them."""

from __future__ import annotations

from typing import Any

from p2pnode.consensus.rows import row_key
from p2pnode.core.errors import FormatError
from p2pnode.economy import booking, commons, event, standing, tables, transvestment, using
from p2pnode.economy.event import NewResource
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure
from p2pnode.economy.standing import Balance
from p2pnode.governance.mandate import MandateRow
from p2pnode.governance.tables import write
from tests.unit.economy.market import HOUR_MS, IDS, REASON, Market, measure

FREE = Term("free", "community")
FIVE_PERCENT = Term("share", "anyone", share_permille=50, unit="EUR")


class Library(Market):
    """A market with commons, things that are lent, and means from outside."""

    def __init__(self, people: int = 4, **charter: Any) -> None:
        quick = {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": True}
        super().__init__(people, decisions={"commons": quick}, commons=charter)

    # ---- commons

    def open(self, who: int, *licence: Term, name: str = "garden", **said: Any) -> bytes:
        opening = self.opening(*licence, name=name, **said)
        return self.write(who, commons.OPEN_TYPE, commons.OPENING.encode(opening))

    def opening(self, *licence: Term, name: str = "garden", **said: Any) -> commons.Opening:
        terms = tuple(sorted(licence or (FREE,), key=lambda term: term.key))
        return commons.Opening(said.pop("kind", "equipment"), terms, name, said.pop("reach", "world"), **said)

    def change(self, who: int, commons_id: bytes, **said: Any) -> tuple[str | None, bytes]:
        payload = commons.CHANGE.encode(commons.Change(commons_id, **said))
        return self.try_write(who, commons.CHANGE_TYPE, payload)

    def role(self, who: int, commons_id: bytes, agent: bytes, role: str | None) -> str | None:
        payload = commons.ROLE.encode(commons.Role(agent, commons_id, role=role))
        return self.try_write(who, commons.ROLE_TYPE, payload)[0]

    def use(self, who: int, commons_id: bytes, much: str, **said: Any) -> bytes:
        rule, use_id = self.try_use(who, commons_id, much, **said)
        assert rule is None, rule
        return use_id

    def try_use(self, who: int, commons_id: bytes, much: str, **said: Any) -> tuple[str | None, bytes]:
        used = using.Use(commons_id, self.now_ms, measure(much), **said)
        return self.try_write(who, using.USE_TYPE, using.USE.encode(used))

    def withdraw_use(self, who: int, use_id: bytes) -> tuple[str | None, bytes]:
        payload = using.WITHDRAWAL.encode(using.Withdrawal(use_id))
        return self.try_write(who, using.WITHDRAW_TYPE, payload)

    def decide(self, entry: bytes, *, is_adopted: bool = True) -> str | None:
        """Let everybody vote on what an entry puts before the group. Shapes: why it could not be done."""
        proposal = self.propose(1, "commons", {"entry": entry})
        self.end_block()
        self.cast_all(proposal, *(["yes" if is_adopted else "no"] * 4))
        self.later(2)
        self.end_block()
        return self.decided(proposal).rule

    def stands(self, commons_id: bytes, actor: bytes) -> tuple[str, tuple[Balance, ...]]:
        row = commons.commons(self.state, commons_id)
        assert row is not None
        rules = commons.rules_of(self.state)
        found = standing.balances(self.state, commons_id, row, actor, rules, self.now_ms)
        return standing.verdict(found, rules), found

    def owed(self, use_id: bytes) -> Measure | None:
        row = using.use(self.state, use_id)
        assert row is not None
        claim = tables.claim(self.state, use_id)
        assert (None if claim is None else claim.quantity) == row.owed
        return row.owed

    def claim_row(self, claim_id: bytes) -> tables.ClaimRow:
        row = tables.claim(self.state, claim_id)
        assert row is not None
        return row

    # ---- means from outside

    def inflow(self, who: int, much: str, cap_permille: int, returns: str = "debt", **said: Any) -> bytes:
        rule, inflow_id = self.try_inflow(who, much, cap_permille, returns, **said)
        assert rule is None, rule
        return inflow_id

    def try_inflow(
        self, who: int, much: str, cap_permille: int, returns: str = "debt", **said: Any
    ) -> tuple[str | None, bytes]:
        brought = transvestment.Inflow(cap_permille, self.now_ms, measure(much), returns, **said)
        return self.try_write(who, transvestment.INFLOW_TYPE, transvestment.INFLOW.encode(brought))

    def trust(self, *holders: int) -> bytes:
        """A mandate by which each of these may give away what is the group's."""
        until_ms = self.now_ms + 10_000 * HOUR_MS
        row = MandateRow("till", tuple(sorted(IDS[who] for who in holders)), 1, ("transfer",), until_ms)
        write(self.state, row_key("mandate", REASON), row.value)
        return REASON

    def pay_back(self, who: int, inflow_id: bytes, much: str, to: bytes) -> tuple[str | None, bytes]:
        """Record a return and sign it for the group. Shapes: why it is void, and the event."""
        said = self.event("transfer", much=much, provider=self.group, receiver=to, settles=inflow_id)
        rule, event_id = self.try_write(who, event.EVENT_TYPE, event.encode(said))
        if rule is not None:
            return rule, event_id
        return self.sign_event(who, event_id, mandate=REASON), event_id

    # ---- things

    def thing(self, who: int, name: str = "drill", much: str = "1 one", *, is_own: bool = False) -> bytes:
        """A thing of the group, or of who says it."""
        owner = {} if is_own else {"receiver": self.group}
        return self.record(who, "raise", much=much, creates=NewResource(name), **owner)

    def book(self, who: int, thing: bytes, begin_h: int, end_h: int, much: str = "", **said: Any) -> bytes:
        rule, booking_id = self.try_book(who, thing, begin_h, end_h, much, **said)
        assert rule is None, rule
        return booking_id

    def try_book(
        self,
        who: int,
        thing: bytes,
        begin_h: int,
        end_h: int,
        much: str = "",
        action: str = "transferCustody",
    ) -> tuple[str | None, bytes]:
        wanted = booking.Booking(
            action,
            self.now_ms + begin_h * HOUR_MS,
            self.now_ms + end_h * HOUR_MS,
            thing,
            resource_quantity=measure(much) if much else None,
        )
        try:
            payload = booking.BOOKING.encode(wanted)
        except FormatError as error:
            return error.rule, b""
        return self.try_write(who, booking.BOOKING_TYPE, payload)

    def cancel(self, who: int, booking_id: bytes) -> str | None:
        payload = booking.CANCEL.encode(booking.Cancel(booking_id))
        return self.try_write(who, booking.CANCEL_TYPE, payload)[0]

    def mark(self, who: int, thing: bytes, condition: str, until_h: int | None = None) -> str | None:
        until_ms = None if until_h is None else self.now_ms + until_h * HOUR_MS
        payload = booking.MARK.encode(booking.Mark(thing, condition, until_ms=until_ms))
        return self.try_write(who, booking.MARK_TYPE, payload)[0]

    def booked(self, booking_id: bytes) -> booking.BookingRow:
        row = booking.booking(self.state, booking_id)
        assert row is not None
        return row

    def hand_over(self, who: int, booking_id: bytes, **said: Any) -> tuple[str | None, bytes]:
        row = self.booked(booking_id)
        return self._event(
            who,
            "transferCustody",
            resource_quantity=row.quantity,
            creates=NewResource("lent"),
            provider=row.owner,
            receiver=row.booker,
            resource_inventoried_as=row.resource,
            fulfills=booking_id,
            **said,
        )

    def bring_back(self, who: int, booking_id: bytes, **said: Any) -> tuple[str | None, bytes]:
        row = self.booked(booking_id)
        return self._event(
            who,
            "transferCustody",
            resource_quantity=row.quantity,
            provider=row.booker,
            receiver=row.owner,
            resource_inventoried_as=row.held,
            to_resource_inventoried_as=row.resource,
            fulfills=booking.return_id(booking_id),
            **said,
        )

    def _event(self, who: int, action: str, **said: Any) -> tuple[str | None, bytes]:
        return self.try_write(who, event.EVENT_TYPE, event.encode(self.event(action, **said)))

"""Giving and taking: what a member says about it, and lists of what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pnode.core.annex import annex_hash
from p2pnode.core.errors import UsageError
from p2pnode.economy import agreement, event, loop, recording, tables
from p2pnode.exporters.valueflows import write_valueflows
from p2pnode.local import shapes
from p2pnode.local.economy_calls import About, EconomyRow, FeedFilter, FeedPage, Recorded
from p2pnode.service.commons_rows import COMMONS_LISTS, commons_shown, thing_shown
from p2pnode.service.commons_why import refusal_with_reason
from p2pnode.service.context import Context
from p2pnode.service.economy_derived import DERIVED
from p2pnode.service.economy_export import exported
from p2pnode.service.economy_feed import Wanted, feed_page
from p2pnode.service.economy_loops import FOUND_MAX, found_in, found_shown, loop_shown
from p2pnode.service.economy_rows import LISTS, PAGED, agreement_shown, missing_answers
from p2pnode.service.evidence import row_proof
from p2pnode.service.history import History
from p2pnode.service.naming_commons import commons_of
from p2pnode.service.naming_economy import (
    FORMS,
    FOUND_BY,
    agent_of,
    agreement_of,
    event_of,
    payload_of,
    resource_of,
)
from p2pnode.service.paging import ROWS_MAX, Page
from p2pnode.service.saying_twice import refuse_again
from p2pnode.service.viewing import GroupView


class EconomyService:
    """The part of the service about giving and taking."""

    context: Context

    async def record(self, group: str, what: str, said: Mapping[str, Any], note: str) -> Recorded:
        held = self.context.held(group)
        if what not in FORMS and what not in DERIVED:
            words = ", ".join([*FORMS, *DERIVED])
            raise UsageError("economy.unknown", f"nothing is called {what!r}", f"one of {words}")
        said = dict(said)
        # The name of somebody outside the group is personal: it stays erasable.
        name = said.pop("name", "") if what == "agent" and said.get("kind") == "person" else ""
        annex = self.context.annex(note=note, name=name) if note or name else None
        digest = None if annex is None else annex_hash(annex)
        type_, _ = DERIVED[what] if what in DERIVED else FORMS[what]

        is_meant_again = said.pop("again", False)

        def write_out(view: GroupView) -> bytes:
            derived = DERIVED.get(what)
            payload = derived[1](view, said, digest) if derived else payload_of(view, what, said, digest)
            if not is_meant_again:
                refuse_again(view, type_, payload)
            return payload

        payload = await self.context.view(held, write_out, with_facts=True)
        try:
            entry = await self.context.say(held, type_, payload, annex, with_facts=True)
        except UsageError as error:
            refused = error
            raise await self.context.view(
                held, lambda view: refusal_with_reason(view, refused, payload), with_facts=True
            ) from error

        def tell(view: GroupView) -> Recorded:
            subject = bytes(entry.id)
            if what == "signature":
                subject = recording.COUNTERSIGN.decode(payload).event
            if what == "loop-answer":
                subject = loop.ANSWER.decode(payload).loop
            if what == "agreement-answer":
                subject = agreement.ANSWER.decode(payload).agreement
            return Recorded(
                entry=entry.id.hex(),
                group=held.group.hex(),
                text=view.describer.sentence(entry),
                waits_for=waits_for(view, subject),
                sign_with=_sign_with(view, subject),
            )

        return await self.context.view(held, tell, with_facts=True)

    async def economy(
        self, group: str, about: About, who: str | None, limit: int = ROWS_MAX, after: str | None = None
    ) -> list[EconomyRow]:
        def read(view: GroupView) -> list[EconomyRow]:
            agent_id = None if who is None else agent_of(view, who)
            if about not in PAGED:
                return {**LISTS, **COMMONS_LISTS}[about](view, agent_id)[:limit]
            place = None if after is None else FOUND_BY[about](view, after)
            return PAGED[about](view, agent_id, Page(limit, place))

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def feed(self, group: str, chosen: FeedFilter, after: str | None, limit: int) -> FeedPage:
        def read(view: GroupView) -> FeedPage:
            who = chosen.get("who")
            wanted = Wanted(
                None if who is None else agent_of(view, who),
                chosen.get("purpose"),
                chosen.get("words", ""),
                chosen.get("near", ""),
                chosen.get("within_km"),
                chosen.get("since_ms", 0),
                chosen.get("all", False),
            )
            return feed_page(view, wanted, after, limit)

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def export_economy(self, group: str, each_reading: bool) -> shapes.Document:
        held = self.context.held(group)
        text = await self.context.view(
            held, lambda view: write_valueflows(exported(view, each_reading)), with_facts=True
        )
        return shapes.Document(name=held.name, text=text)

    async def receipt(self, group: str, record: str) -> shapes.ProofFile:
        def read(view: GroupView) -> shapes.ProofFile:
            record_id = event_of(view, record)
            tip = view.final.tip()
            key = tables.event_key(record_id)
            data = None if view.final.get(key) is None else row_proof(view, key, History(view.queries))
            if tip is None or data is None:
                raise UsageError(
                    "receipt.not_final",
                    "no block has ordered this record yet, so there is nothing to prove",
                    f"p2pnode why {record_id.hex()[:8]} tells what it waits for",
                )
            return shapes.ProofFile(
                entry=record_id.hex(), height=tip.height, proof_hex=data.hex(), peer_id=None
            )

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def commons(self, group: str, commons: str, who: str | None) -> EconomyRow:
        def read(view: GroupView) -> EconomyRow:
            actor = None if who is None else agent_of(view, who)
            return commons_shown(view, commons_of(view, commons), actor)

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def thing(self, group: str, thing: str) -> EconomyRow:
        def read(view: GroupView) -> EconomyRow:
            return thing_shown(view, resource_of(view, thing))

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def loops_found(self, group: str, claims: bool, any_kind: bool) -> list[EconomyRow]:
        def read(view: GroupView) -> list[EconomyRow]:
            found = found_in(view, with_claims=claims, is_any_kind=any_kind)
            return [found_shown(view, ring) for ring in found[:FOUND_MAX]]

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def agreement(self, group: str, agreement: str) -> EconomyRow:
        def read(view: GroupView) -> EconomyRow:
            return agreement_shown(view, agreement_of(view, agreement))

        return await self.context.view(self.context.held(group), read, with_facts=True)


def _sign_with(view: GroupView, record_id: bytes) -> str:
    """The command by which somebody signs."""
    short = record_id.hex()[:8]
    if agreement.agreement(view.rows, record_id) is not None:
        return f"p2pnode agree accept {short}"
    is_loop = loop.loop(view.rows, record_id) is not None
    return f"p2pnode loops accept {short}" if is_loop else f"p2pnode sign {short}"


def waits_for(view: GroupView, record_id: bytes) -> list[str]:
    """Who still has to sign an event, an agreement or a loop, by name."""
    agreed = agreement.agreement(view.rows, record_id)
    if agreed is not None:
        return [view.name(one) for one in missing_answers(view, agreed)]
    ring = loop.loop(view.rows, record_id)
    if ring is not None:
        waiting: list[str] = loop_shown(view, record_id, ring)["waits_for"]
        return waiting
    row = tables.event(view.rows, record_id)
    if row is None or row.status != tables.WAITING:
        return []
    missing = recording.missing_signers(view.rows, row, event.decode(row.payload), view.context)
    return [view.describer.group_name if one == view.group else view.name(one) for one in missing]

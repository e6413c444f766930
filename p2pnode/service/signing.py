"""What waits for a member's signature, and signing many records at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from p2pnode.core.events import Item
from p2pnode.economy import batch, tables
from p2pnode.economy.batch import BATCH_TYPE
from p2pnode.economy.recording import COUNTERSIGN, COUNTERSIGN_TYPE, Countersignature
from p2pnode.governance.tables import scan
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.local.signing_calls import NotSigned, Signed, ToSign
from p2pnode.service.context import Context
from p2pnode.service.economy_rows import event_shown
from p2pnode.service.imported_claims import claims_to_sign
from p2pnode.service.naming_economy import agent_of
from p2pnode.service.paging import ROWS_MAX
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView


class SigningService:
    """The part of the service about signing what others recorded."""

    context: Context

    async def to_sign(
        self, group: str, recorded_by: str | None, git_author: str | None, after: str | None
    ) -> ToSign:
        def read(view: GroupView) -> ToSign:
            author = None if recorded_by is None else agent_of(view, recorded_by)
            return _page(view, author, git_author, bytes.fromhex(after or ""))

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def sign_records(self, group: str, records: Sequence[str]) -> Signed:
        held = self.context.held(group)
        ids = [bytes.fromhex(one) for one in dict.fromkeys(records)]

        def judge(view: GroupView) -> list[str | None]:
            # Who is no member is told so once, not for every record.
            assert view.me
            payloads = [COUNTERSIGN.encode(Countersignature(one, True)) for one in ids]
            return view.void_rules_of(COUNTERSIGN_TYPE, payloads)

        rules = await self.context.view(held, judge, with_facts=True)
        good = [one for one, rule in zip(ids, rules, strict=True) if rule is None]
        if good:
            signed = batch.encode(COUNTERSIGN_TYPE, {"agrees": True}, [{"event": one} for one in good])
            await self.context.append(held, (Item(BATCH_TYPE, signed),))
        refused = [_not_signed(one, rule) for one, rule in zip(ids, rules, strict=True) if rule is not None]
        return Signed(signed=[one.hex() for one in good], refused=refused)


def _page(view: GroupView, author: bytes | None, git_author: str | None, after: bytes) -> ToSign:
    """Records and claims together, ascending by id."""
    member_id = view.me[0]
    found: list[tuple[bytes, EconomyRow]] = []
    for key, _ in scan(view.rows, "to_sign", member_id):
        row = tables.event(view.rows, key) if key > after and git_author is None else None
        if row is not None and author in (None, row.author):
            found.append((key, event_shown(view, key, row)))
            if len(found) == ROWS_MAX:
                break
    wanted = author and author.hex()
    claims = claims_to_sign(view, member_id, git_author, after)
    found += islice(((key, row) for key, row in claims if wanted in (None, row["author_id"])), ROWS_MAX)
    found.sort(key=lambda item: item[0])
    page = found[:ROWS_MAX]
    return ToSign(rows=[row for _, row in page], next=page[-1][0].hex() if len(page) == ROWS_MAX else None)


def _not_signed(record: bytes, rule: str) -> NotSigned:
    error = refusal(rule)
    return NotSigned(record=record.hex(), rule=error.rule, message=error.message, remedy=error.remedy)

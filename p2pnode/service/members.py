"""Members: who is in a group, who waits to come in, the charter, and the second convocation."""

from __future__ import annotations

from p2pnode.core.events import AgreeToClose
from p2pnode.core.ids import did_of
from p2pnode.governance import roles, sponsoring, tables
from p2pnode.governance.tables import MemberRow, PetitionRow
from p2pnode.local import shapes
from p2pnode.service.decided import rules_in_words
from p2pnode.service.deciding import DecidingService
from p2pnode.service.naming_subjects import petition_of
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView
from p2pnode.service.waiting import waiting_of


class MembersService(DecidingService):
    """The part of the service about members and the charter."""

    async def members(self, group: str) -> list[shapes.MemberRow]:
        return await self.context.view(self.context.held(group), _member_rows)

    async def sponsor(self, group: str, newcomer: str) -> shapes.Written:
        held = self.context.held(group)

        def prepare(view: GroupView) -> bytes:
            join = petition_of(view, newcomer)
            petition = tables.petition(view.rows, join)
            if petition is None or petition.rule != "join.needs_sponsors":
                raise refusal("sponsor.no_petition")
            if view.me[0] in petition.sponsors:
                raise refusal("sponsor.twice")
            return sponsoring.encode(join)

        payload = await self.context.view(held, prepare)
        return await self.write(held, sponsoring.SPONSOR_TYPE, payload)

    async def charter(self, group: str) -> shapes.CharterDetail:
        held = self.context.held(group)
        charter = held.state.charter
        return shapes.CharterDetail(
            group=held.group.hex(),
            name=held.name,
            charter=dict(charter.value),
            hash=charter.hash.hex(),
            rules=rules_in_words(charter),
        )

    async def convene(self, group: str) -> shapes.Waiting:
        held = self.context.held(group)
        await self.context.port.ask(lambda request: AgreeToClose(request, held.group))
        self.context.port.alerts.pop(("convocation.asked", held.group.hex()), None)
        return await waiting_of(self.context, held)

    async def waiting(self, group: str) -> shapes.Waiting:
        return await waiting_of(self.context, self.context.held(group))


def _member_rows(view: GroupView) -> list[shapes.MemberRow]:
    seen: dict[bytes, int] = {}
    for lane in view.queries.lanes():
        seen[lane.author] = max(seen.get(lane.author, 0), lane.time_ms)
    ordered = sorted(tables.members(view.rows), key=lambda item: item[1].number)
    rows = [_member_row(view, member_id, row, seen) for member_id, row in ordered]
    return rows + [_petition_row(view, entry_id, row) for entry_id, row in tables.petitions(view.rows)]


def _member_row(
    view: GroupView, member_id: bytes, row: MemberRow, seen: dict[bytes, int]
) -> shapes.MemberRow:
    joined = view.describer.entry_of(row.entry)
    times = [
        seen[key] for key, device in tables.devices(view.rows) if device.member == member_id and key in seen
    ]
    away = tables.away(view.rows, member_id)
    is_voter = tables.voter(view.rows, member_id) is not None
    return shapes.MemberRow(
        id=member_id.hex(),
        name=view.text(row.inception.get("annex"), "name"),
        status=row.status,
        waits_for="",
        sponsors=[],
        roles=list(roles.roles_of(view.rows, member_id)),
        voting="votes" if is_voter else "" if away is None else f"rests: {away.reason}",
        suspended_until_ms=tables.suspended_until_ms(view.rows, member_id),
        last_seen_ms=max(times, default=None),
        devices=[did_of(device) for device in row.devices],
        invited_by=None if row.invited_by is None else row.invited_by.hex(),
        joined_entry=row.entry.hex(),
        joined_ms=0 if joined is None else joined.header.time_ms,
        is_self=view.own_key in row.devices,
        is_voter=is_voter,
    )


def _petition_row(view: GroupView, entry_id: bytes, row: PetitionRow) -> shapes.MemberRow:
    device = row.inception["device"]
    return shapes.MemberRow(
        id=entry_id.hex(),
        name=view.text(row.inception.get("annex"), "name"),
        status="petitioner",
        waits_for=row.rule,
        sponsors=[view.name(sponsor) for sponsor in row.sponsors],
        roles=[],
        voting="",
        suspended_until_ms=0,
        last_seen_ms=None,
        devices=[did_of(device)],
        invited_by=row.inviter.hex(),
        joined_entry=entry_id.hex(),
        joined_ms=row.since_ms,
        is_self=view.own_key == device,
        is_voter=False,
    )

"""A member's record of skills: read off what stands, and handed out as a file that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p2pnode.consensus.rows import row_key
from p2pnode.core.errors import UsageError
from p2pnode.economy import tables
from p2pnode.economy.skills import Practice, doing_of
from p2pnode.economy.tables import AttestationRow, EventRow
from p2pnode.local.exchange_calls import BundleFile
from p2pnode.local.skill_calls import SkillsShown
from p2pnode.service.bundling import bundle_file
from p2pnode.service.context import Context
from p2pnode.service.economy_names import agent_name, kind_name
from p2pnode.service.paging import ROWS_MAX, Page, listed_rows
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView
from p2pnode.skill_summary import Said, skills_shown

LOOKED_AT_MAX = 20_000
"""Records of a member that are looked at, the newest first."""


class SkillsService:
    """The part of the service about skills."""

    context: Context

    async def skills(self, group: str, who: str, skill: str | None) -> SkillsShown:
        def read(view: GroupView) -> SkillsShown:
            member_id = _own_id(view) if who == "me" else view.member(who)
            return _shown(view, member_id, skill)

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def export_skills(self, group: str) -> BundleFile:
        def read(view: GroupView) -> BundleFile:
            me = _own_id(view)

            def is_wanted(row: EventRow) -> bool:
                return doing_of(row, me) is not None

            try:
                return bundle_file(view, me, is_wanted, shown=me)
            except UsageError as error:
                if error.rule != "bundle.nothing_final":
                    raise
                raise refusal("skills.nothing_final") from error

        return await self.context.view(self.context.held(group), read)


def _own_id(view: GroupView) -> bytes:
    """For whom this device speaks, or spoke: who has left takes their record along. Errors: UsageError
    member.not_one.
    """
    return view.describer.member_of(view.own_key) or view.me[0]


def _shown(view: GroupView, member_id: bytes, skill: str | None) -> SkillsShown:
    looked_at = 0
    found: list[Said] = []
    changed = view.rows.changes()
    for record_id, row in _records(view, member_id):
        looked_at += 1
        doing = doing_of(row, member_id)
        if doing is None:
            continue
        name = kind_name(view, doing.kind)
        if skill is None or name.casefold() == skill.casefold():
            judged = tuple(tables.rows_of(view.rows, AttestationRow, "attestation", record_id))
            is_final = row_key("event", record_id) not in changed
            found.append(Said(Practice(record_id, name, doing, judged), row.entry, is_final))
    shown = skills_shown(found, lambda agent_id: agent_name(view, agent_id))
    return SkillsShown(
        group=view.group.hex(),
        member=member_id.hex(),
        member_name=view.name(member_id),
        skills=shown["skills"],
        records=shown["records"],
        is_whole=looked_at < LOOKED_AT_MAX,
    )


def _records(view: GroupView, member_id: bytes) -> Iterator[tuple[bytes, EventRow]]:
    """The newest records of a member."""
    page, after = ROWS_MAX, None
    for _ in range(LOOKED_AT_MAX // page):
        rows: Iterable[tuple[bytes, EventRow]] = listed_rows(view, "event", member_id, Page(page, after))
        count = 0
        for record_id, row in rows:
            yield record_id, row
            after, count = record_id, count + 1
        if count < page:
            return

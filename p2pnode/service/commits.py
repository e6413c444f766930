"""Commits of an imported git history that wait for their author. Not here: importing them, signing them."""

from __future__ import annotations

from itertools import islice

from p2pnode.economy import event
from p2pnode.governance.tables import scan
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.service.economy_names import agent_name
from p2pnode.service.paging import ROWS_MAX
from p2pnode.service.viewing import GroupView


def commits_to_sign(view: GroupView, member_id: bytes) -> list[EconomyRow]:
    """Claims that name a member, or nobody and were written by a person of the same name.

    A name proves nothing; who signs says with their key that it is theirs, for all to see.
    """
    name = agent_name(view, member_id)
    found: list[EconomyRow] = []
    for record_id, value in islice(scan(view.rows, "git_claim"), ROWS_MAX):
        importer, provider, payload, *_ = value
        said = event.decode(payload)
        author = view.text(said.annex, "author")
        is_named = provider == member_id or (provider is None and author.partition(" <")[0] == name)
        if is_named:
            found.append(
                {
                    "id": record_id.hex(),
                    "imported_by": agent_name(view, importer),
                    "performed_ms": said.performed_ms,
                    "written_by": author,
                    "message": view.text(said.annex, "message").partition("\n")[0],
                }
            )
    return sorted(found, key=lambda one: (one["performed_ms"], one["id"]))

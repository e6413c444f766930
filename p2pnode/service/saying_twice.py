"""The same words twice: an impatient person pressed the key again, and means one promise, not two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import Lane
from p2pnode.economy import promising, tables
from p2pnode.economy.form import Form
from p2pnode.economy.tables import OPEN
from p2pnode.replication.run import stored_entry
from p2pnode.service.viewing import GroupView

_LOOKED_AT_MAX = 50
"""Entries of one's own that are looked at: who is impatient repeats what they have just said."""

_OWN_LANES = (Lane.LOCAL.value, Lane.OPEN.value)


_FORMS: Mapping[str, Form[Any]] = MappingProxyType(
    {
        promising.CLAIM_TYPE: promising.CLAIM,
        promising.COMMITMENT_TYPE: promising.COMMITMENT,
        promising.INTENT_TYPE: promising.INTENT,
    }
)


def refuse_again(view: GroupView, type_: str, payload: bytes) -> None:
    """Refuse a promise, a claim, an offer or a need that this device has said and that is still open.

    Errors: UsageError economy.said_already.
    """
    form = _FORMS.get(type_)
    if form is None:
        return
    said = replace(form.decode(payload), annex=None)
    for entry in _newest_own(view):
        if entry.header.type != type_ or entry.payload is None:
            continue
        try:
            is_same = replace(form.decode(entry.payload), annex=None) == said
        except FormatError:
            continue
        if is_same and _is_open(view, entry.id):
            raise UsageError(
                "economy.said_already",
                f"you have said just this, as {entry.id.hex()[:8]}, and it is open",
                "nothing was written; if you mean it once more, say it with --again",
            )


def _newest_own(view: GroupView) -> list[Entry]:
    found = []
    for lane in view.queries.lanes():
        if lane.author == view.own_key and lane.lane in _OWN_LANES:
            stored = view.queries.entries(lane.number, max(0, lane.seq - _LOOKED_AT_MAX + 1), lane.seq)
            found += [stored_entry(item) for item in stored]
    return found


def _is_open(view: GroupView, entry_id: bytes) -> bool:
    promise = tables.commitment(view.rows, entry_id)
    claim = tables.claim(view.rows, entry_id)
    intent = tables.intent(view.rows, entry_id)
    return any(row is not None and row.status == OPEN for row in (promise, claim, intent))

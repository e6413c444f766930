"""Why a proposal is not decided yet, or came out as it did, and who can still act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from p2pnode.governance import tables
from p2pnode.governance.decision import decision, decisions
from p2pnode.governance.proposal import electorate, open_proposal, open_proposals
from p2pnode.local.naming import Named, is_called
from p2pnode.local.shapes import DecisionDetail
from p2pnode.service.decided import detail_of, title_of
from p2pnode.service.viewing import GroupView

_SO_FAR = {
    "passed": "it would pass",
    "rejected": "it would be rejected",
    "objected": "it would not pass: somebody objects",
    "no_quorum": "it would not pass: too few took part",
    "tie": "it is a tie: the vote would open again",
}
_CAME_OUT = {
    "passed": "passed",
    "rejected": "rejected: too few wanted it",
    "objected": "not passed: somebody objected with a reason",
    "no_quorum": "not passed: too few took part",
    "tie": "a tie that did not end",
    "withdrawn": "its author withdrew it",
}


def proposal_lines(view: GroupView, entry_id: bytes) -> tuple[list[str], str]:
    """What `why` says about a proposal, and what the reader can do; nothing about other entries."""
    is_open = open_proposal(view.rows, entry_id) is not None
    if not is_open and decision(view.final, entry_id) is None:
        return [], ""
    found = detail_of(view, entry_id)
    row = found["summary"]
    if not is_open:
        came_out = _CAME_OUT.get(row["state"], row["state"])
        failed = f"; it could not be carried out: {row['failed']}" if row["failed"] else ""
        return [f"decided: {came_out}{failed}", f"the rule: {row['rule']}"], ""
    remedy = ""
    if _may_vote(view, entry_id) and row["mine"] is None and view.now_ms <= row["deadline_ms"]:
        choice = "--rank NAME" if row["subject"] == "council" else "yes"
        remedy = f"cast your ballot: p2pnode vote {row['id'][:8]} {choice}"
    return list(_open_lines(found, view.now_ms)), remedy


def proposal_called(view: GroupView, title: str) -> bytes | None:
    """The proposal of a title: the one that is open, else the one that was decided last."""
    opened = list(open_proposals(view.rows))
    closed = sorted(decisions(view.final), key=lambda item: -item[1].closed_ms)
    ids = [*opened, *(proposal_id for proposal_id, _ in closed)]
    called = (one for one in ids if is_called(Named(one.hex(), title_of(view, one)), title))
    return next(called, None)


def _may_vote(view: GroupView, proposal_id: bytes) -> bool:
    row = open_proposal(view.rows, proposal_id)
    me = tables.speaker_of(view.rows, view.own_key)
    return row is not None and me is not None and me[0] in electorate(view.rows, row.electorate)


def _open_lines(found: DecisionDetail, now_ms: int) -> Iterator[str]:
    row = found["summary"]
    yield f"the rule: {row['rule']}"
    if row["state"] == "provisional":
        yield "not opened yet: the next block opens it"
        return
    until = _time(row["deadline_ms"])
    if now_ms <= row["deadline_ms"]:
        yield f"ballots count until {until}; as it stands, {_SO_FAR.get(found['result'], found['result'])}"
    else:
        yield f"ballots counted until {until}; the first block after {_time(row['closes_ms'])} counts them"
    if found["missing"]:
        yield f"no ballot of {', '.join(found['missing'])}"


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")

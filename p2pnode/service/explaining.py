"""`why`: what something is, why it is as it is, and what would change it."""

from __future__ import annotations

from p2pnode.core.errors import UsageError
from p2pnode.core.ids import did_of, peer_id_of
from p2pnode.describing import is_start_of_id
from p2pnode.local.service import EntryRow, Explanation
from p2pnode.penalties import Conduct
from p2pnode.port import HeldGroup
from p2pnode.service.context import Context
from p2pnode.service.rules import RULES


async def explain(context: Context, word: str) -> Explanation:
    """Explain an entry, a group, a peer, a device or a rule id. Errors: UsageError why.unknown."""
    if word in RULES:
        return Explanation(subject=f"the rule {word}", lines=[RULES[word][0]], remedy=RULES[word][1])
    held = _group(context, word)
    if held is not None:
        return _explain_group(context, held)
    row = await _entry(context, word)
    if row is not None:
        return _explain_entry(row)
    try:
        key = context.book.find(word, context.host.connected())
    except UsageError as error:
        raise UsageError(
            "why.unknown",
            f"{word!r} is no entry, group, peer or rule that this node knows",
            "give an entry id from p2pnode log show, a group's name, a peer id or a rule id",
        ) from error
    return _explain_peer(context, key)


def _group(context: Context, word: str) -> HeldGroup | None:
    try:
        return context.held(word)
    except UsageError:
        return None


async def _entry(context: Context, word: str) -> EntryRow | None:
    digits = word.lower()
    if not is_start_of_id(digits):
        return None
    for held in list(context.port.groups().values()):
        details = await context.describe(held, lambda describer: describer.details(digits))
        if details:
            return details[0]["row"]
    return None


def _explain_group(context: Context, held: HeldGroup) -> Explanation:
    own = held.state.standing(context.port.own_key)
    voters = ", ".join(did_of(voter) for voter in held.state.voters)
    lines = [
        {
            "member": "you are a member; that is final",
            "provisional": "you are let in provisionally: a voter has not acknowledged your join yet",
            "removed": "you have left; what you hold stays readable here",
            None: "this device is not a member",
        }[own],
        f"who decides: {voters}",
    ]
    remedy = ""
    if own == "provisional":
        remedy = "it becomes final when the voter's node is on-line and reachable; nothing else is needed"
    if held.is_unconfirmed:
        lines.append(RULES["restore.unconfirmed"][0])
        remedy = "leave the node running until a member is reachable"
    return Explanation(subject=f"the group {held.name}", lines=lines, remedy=remedy)


def _explain_entry(row: EntryRow) -> Explanation:
    lines = [row["text"]]
    state = row["state"]
    if state == "final":
        lines.append("final: a voter's log has it in its past")
    elif state == "void":
        lines.append("void: it stays in the log and changes nothing")
    elif state == "waiting":
        lines.append("waiting: part of what it names is not here yet")
    else:
        lines.append("not final: no voter of the group has built on it yet")
    if row["rule"]:
        lines.append(f"{row['rule']}: {RULES.get(row['rule'], ('a rule of its type', ''))[0]}")
    remedy = (
        "" if state in ("final", "void") else "it becomes final when a voter has seen it and written again"
    )
    return Explanation(subject=f"the entry {row['entry'][:8]}", lines=lines, remedy=remedy)


def _explain_peer(context: Context, key: bytes) -> Explanation:
    conduct = context.port.conducts.get(key, Conduct())
    status = next((one for one in context.supervisor.statuses() if one.peer_key == key), None)
    lines = []
    if context.port.is_blocked(key):
        lines.append(
            "blocked" if key in context.port.blocked else f"kept out for a while: {conduct.last_rule}"
        )
    elif key in context.host.connected():
        lines.append("connected")
    elif status is None:
        lines.append("not connected, and this node does not dial it")
    else:
        lines.append(f"not connected: {status.last_error or 'dialling'}")
    remedy = "p2pnode peers unblock lifts it" if context.port.is_blocked(key) else ""
    return Explanation(subject=f"the peer {peer_id_of(key)}", lines=lines, remedy=remedy)

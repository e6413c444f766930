"""`why`: what something is, why it is as it is, and what would change it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import datetime

from p2pnode.chain.parting import WORDS, parting_in
from p2pnode.core.errors import UsageError
from p2pnode.core.ids import Lane, peer_id_of
from p2pnode.describing import is_start_of_id
from p2pnode.economy.sharing import run_row
from p2pnode.governance import tables
from p2pnode.governance.council import wanting
from p2pnode.local.shapes import EntryRow, Explanation, Waiting
from p2pnode.penalties import Conduct
from p2pnode.port import HeldGroup
from p2pnode.service.commons_why import void_lines_of_entry
from p2pnode.service.context import Context
from p2pnode.service.deciding_why import proposal_called, proposal_lines
from p2pnode.service.devices import recovering_for
from p2pnode.service.economy_open import left_over_with, open_with
from p2pnode.service.economy_why import economy_lines, economy_remedy, named_lines
from p2pnode.service.foreseeing import foresee, foreseen
from p2pnode.service.mandates import said_by_mandates
from p2pnode.service.naming_subjects import petition_of
from p2pnode.service.naming_why import balances_of, thing_lines
from p2pnode.service.parted import as_of
from p2pnode.service.pending import explain_pending
from p2pnode.service.rules import RULES
from p2pnode.service.sharing_why import share_lines
from p2pnode.service.viewing import GroupView
from p2pnode.service.waiting import is_convening, waiting_of
from p2pnode.vocabulary import GOVERNED_TYPES


async def explain(context: Context, word: str) -> Explanation:
    """Explain whatever has an id or a name. Errors: UsageError why.unknown."""
    if word in RULES:
        return Explanation(subject=f"the rule {word}", lines=[RULES[word][0]], remedy=RULES[word][1])
    held = _group(context, word)
    if held is not None:
        return await _explain_group(context, held)
    waits = [one for one in context.pending_joins.values() if one.name.casefold() == word.casefold()]
    if waits:
        return explain_pending(waits[0])
    row = await _entry(context, word)
    if row is not None:
        return await _explain_entry(context, row)
    shared = await _explain_share(context, word)
    if shared is not None:
        return shared
    for one in context.port.groups().values():
        found = await _explain_member(context, one, word) or await _explain_agreed(context, one, word)
        if found is not None:
            return found
        titled = await context.view(one, lambda view: proposal_called(view, word))
        row = None if titled is None else await _entry(context, titled.hex())
        if row is not None:
            return await _explain_entry(context, row)
    try:
        key = context.book.find(word, context.host.connected())
    except UsageError as error:
        raise UsageError(
            "why.unknown",
            f"{word!r} is no entry, proposal, group, member, agreement, commons, thing, peer or rule here",
            "give an id from a list or p2pnode log show, a name, MEMBER/MEMBER for a balance, or a rule id",
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


async def _explain_group(context: Context, held: HeldGroup) -> Explanation:
    """How this device stands, how far the group has decided, and who must act."""
    waiting = await waiting_of(context, held)
    standing, remedy = await context.view(held, _own_standing)
    voters = await context.view(
        held, lambda view: view.names(member for member, _ in tables.voters(view.final))
    )
    lines = [
        standing,
        f"who orders the log: {', '.join(voters)}",
        f"final blocks: {waiting['height']}"
        + (f", the last of {_day(waiting['final_ms'])}" if waiting["height"] else ""),
    ]
    if waiting["sentence"]:
        lines.append(f"the next one waits for {waiting['sentence']}")
        remedy = remedy or _who_must_act(context, held, waiting)
    council = await context.view(held, lambda view: _council_line(view, context.port.now_ms()))
    if council:
        lines.append(council)
        remedy = remedy or _ELECT
    if waiting["level"]:
        lines.append(waiting["level"])
    shown_of = await context.query(held, lambda queries: as_of(queries, context.port.own_key))
    if shown_of:
        lines.append(shown_of)
    if held.is_unconfirmed:
        lines.append(RULES["restore.unconfirmed"][0])
        remedy = RULES["restore.unconfirmed"][1]
    return Explanation(subject=f"the group {held.name}", lines=lines, remedy=remedy)


def _council_line(view: GroupView, now_ms: int) -> str:
    """What the group has to see to about its council, or nothing (J22)."""
    found = wanting(view.final, now_ms)
    if found is None:
        return ""
    names = ", ".join(view.name(member_id) for member_id in found.vacant)
    return _COUNCIL[found.rule].format(day=_day(found.until_ms), names=names)


def _own_standing(view: GroupView) -> tuple[str, str]:
    """How this device stands in a group, and what would change it."""
    for _, petition in tables.petitions(view.rows):
        if petition.inception["device"] == view.own_key:
            return f"you have asked to join and are no member yet: {RULES[petition.rule][0]}", RULES[
                petition.rule
            ][1]
    whose = recovering_for(view)
    if whose is not None:
        return _RECOVERING.format(
            member=view.name(whose)
        ), f"ask a member how far it is: p2pnode why {view.name(whose)}"
    parting = parting_in(view.queries)
    if parting is not None:
        return _PARTED.format(
            words=WORDS[parting.status], height=parting.height, day=_day(parting.time_ms)
        ), _WAYS_BACK[parting.status]
    found = tables.member_of_device(view.rows, view.own_key)
    device = tables.device(view.rows, view.own_key)
    if found is None or device is None:
        return (
            "this device speaks for no member",
            "ask a member for an invitation, or add this device from another of yours: p2pnode device",
        )
    member_id, row = found
    if device.status == "sealed":
        return RULES["lane.fork"][0], "join with a new key: p2pnode --profile NAME join LINK"
    if device.status == "revoked":
        return "this device was revoked; it signs nothing for you any more", "use another device of yours"
    if row.status in ("left", "removed"):
        words = "you have left" if row.status == "left" else "the group has removed you"
        return f"{words}; what you hold stays readable here", _BACK
    if tables.member_of_device(view.final, view.own_key) is None or row.status == "provisional":
        return "you are let in provisionally: no block has ordered your join yet", ""
    until_ms = tables.suspended_until_ms(view.final, member_id)
    if until_ms:
        return f"you are a member, suspended until {_day(until_ms)}", ""
    away = tables.away(view.final, member_id)
    if away is not None:
        remedy = "" if away.reason == "council" else "p2pnode voter return"
        return f"you are a member; your voting role on blocks rests: {_AWAY[away.reason]}", remedy
    return "you are a member; that is final", ""


def _who_must_act(context: Context, held: HeldGroup, waiting: Waiting) -> str:
    if waiting["stage"] == "rules":
        return "upgrade p2pnode; until then this node keeps and passes on what is written, and does not vote"
    if waiting["stage"] == "schism":
        return "the members talk, and found a new group that continues this one"
    if waiting["stage"] == "closes" or is_convening(context, held):
        name = shlex.quote(held.name)
        return f"who is here agrees to go on without the silent ones: p2pnode group convene {name} --yes"
    if not waiting["ask"]:
        return ""
    return f"nothing, if their nodes come on-line soon; otherwise ask {', '.join(waiting['ask'])}"


async def _explain_entry(context: Context, row: EntryRow) -> Explanation:
    held = context.held(row["group"])
    await foresee(context, held, [row])
    entry_id = bytes.fromhex(row["entry"])
    lines = [row["text"]] + await context.view(held, lambda view: said_by_mandates(view, entry_id))
    lines += await context.view(held, lambda view: economy_lines(view, entry_id), with_facts=True)
    to_sign = await context.view(held, lambda view: economy_remedy(view, entry_id), with_facts=True)
    decided, remedy = await context.view(held, lambda view: proposal_lines(view, entry_id))
    lines += decided
    state, rule = row["state"], row["rule"]
    if state == "final":
        lines.append("final: a block of the group has ordered it; p2pnode proof show writes the proof")
    elif state == "void":
        lines.append("void: it stays in the log and changes nothing")
    elif state == "waiting":
        lines.append("waiting: part of what it names is not here yet")
        remedy = "leave the node running until a peer that holds the rest is reachable"
    elif row["lane"] == Lane.VOTES:
        lines.append("part of the voting on a block; votes themselves are never ordered")
    else:
        waiting = await waiting_of(context, held)
        if state == "acknowledged":
            lines.append("acknowledged: a quorum of the voters has built on it, but no block has ordered it")
        else:
            lines.append("signed: no quorum of the voters has built on it yet")
        if waiting["sentence"]:
            lines.append(f"the block of height {waiting['height'] + 1} waits for {waiting['sentence']}")
            remedy = _who_must_act(context, held, waiting) or remedy
        elif row["type"] not in GOVERNED_TYPES:
            lines.append("nobody waits for its order: it comes in bulk, or with the next decision")
        else:
            remedy = remedy or "leave the node running until voters are reachable: p2pnode peers"
    if rule:
        meaning, mend = RULES.get(rule, ("a rule of its type", ""))
        lines.append(f"{foreseen(state, rule)}{rule}: {meaning}")
        lines += await context.view(
            held, lambda view: void_lines_of_entry(view, entry_id, rule), with_facts=True
        )
        remedy = mend or remedy
    remedy = to_sign or remedy
    return Explanation(subject=f"the entry {row['entry'][:8]}", lines=lines, remedy=remedy)


async def _explain_agreed(context: Context, held: HeldGroup, word: str) -> Explanation | None:
    """Why what has a name, or a balance, is as it is; None where the word names none."""

    def read(view: GroupView) -> tuple[str, list[str], str] | None:
        return named_lines(view, word) or thing_lines(view, word)

    found = await context.view(held, read, with_facts=True)
    return None if found is None else Explanation(subject=found[0], lines=found[1], remedy=found[2])


async def _explain_share(context: Context, word: str) -> Explanation | None:
    """How a share of a run came about, RUN/MEMBER; None where the word names no run."""
    run, slash, name = word.partition("/")
    row = await _entry(context, run) if slash else None
    if row is None:
        return None
    run_id = bytes.fromhex(row["entry"])

    def read(view: GroupView) -> Explanation | None:
        if run_row(view.rows, run_id) is None:
            return None
        try:
            who = view.member(name)
        except UsageError as error:
            if error.rule.endswith(".ambiguous"):
                raise
            who = view.former_member(name)
        subject = f"the share of {view.name(who)} in the run {run_id.hex()[:8]}"
        return Explanation(subject=subject, lines=share_lines(view, run_id, who), remedy="")

    return await context.view(context.held(row["group"]), read)


async def _explain_member(context: Context, held: HeldGroup, word: str) -> Explanation | None:
    """Why somebody does not vote, waits or is gone; None where the word names nobody."""

    def read(view: GroupView) -> Explanation | None:
        readings: tuple[Callable[[], Explanation], ...] = (
            lambda: _member_lines(view, view.member(word)),
            lambda: _petition_lines(view, petition_of(view, word)),
            lambda: _former_lines(view, view.former_member(word)),
        )
        for reading in readings:
            try:
                return reading()
            except UsageError as error:
                if error.rule.endswith(".ambiguous"):
                    raise
        return None

    return await context.view(held, read, with_facts=True)


def _petition_lines(view: GroupView, entry_id: bytes) -> Explanation:
    """What a newcomer waits for."""
    row = tables.petition(view.rows, entry_id)
    assert row is not None
    meaning, remedy = RULES[row.rule]
    name = view.petitioner_name(row.inception.get("annex")) or entry_id.hex()[:8]
    lines = [f"asked to join on {_day(row.since_ms)} by an invitation of {view.name(row.inviter)}", meaning]
    if row.sponsors:
        who = ", ".join(view.name(sponsor) for sponsor in row.sponsors)
        asked = tables.charter(view.rows).sponsors
        lines.append(f"spoken for by {who}: {len(row.sponsors)} of the {asked} whom the charter asks for")
    return Explanation(subject=f"the newcomer {name}", lines=lines, remedy=remedy.replace("NAME", name))


def _former_lines(view: GroupView, member_id: bytes) -> Explanation:
    """How a membership ended, and the way back."""
    row = tables.member(view.rows, member_id)
    assert row is not None
    if row.status == "left":
        lines = ["has left; what they wrote stays"]
        remedy = "a member can invite them again: p2pnode invite"
    else:
        lines = ["the group has removed them; what they wrote stays"]
        remedy = "a member invites them (p2pnode invite), then the group decides: p2pnode propose admit NAME"
    left = left_over_with(view, member_id)
    if left:
        lines += ["what was open ended then, and is owed no more:", *left]
    return Explanation(subject=f"the former member {view.name(member_id)}", lines=lines, remedy=remedy)


def _member_lines(view: GroupView, member_id: bytes) -> Explanation:
    row = tables.member(view.rows, member_id)
    assert row is not None
    lines = [f"status: {row.status}"]
    away = tables.away(view.rows, member_id)
    if tables.voter(view.rows, member_id) is not None:
        lines.append("takes part in ordering the log")
    elif away is not None:
        lines.append(f"the voting role rests since {_day(away.since_ms)}: {_AWAY[away.reason]}")
    else:
        lines.append("does not take part in ordering the log; the political vote does not depend on it")
    for _, pending in tables.pending(view.final):
        if pending.member == member_id:
            change = _CHANGES[pending.kind]
            lines.append(f"on {_day(pending.due_ms)} {change}, unless a device of theirs objects")
    lines += balances_of(view, member_id)
    still_open = open_with(view, member_id)
    if still_open:
        lines += ["open with them; it would end if they went:", *still_open]
    is_back = away is not None and away.reason != "council"
    remedy = "they say that they are back: p2pnode voter return" if is_back else ""
    is_out = tables.voter(view.rows, member_id) is None and row.status == "member"
    if not remedy and is_out and tables.council(view.rows) is None:
        remedy = "the group can give it: p2pnode propose voting-role NAME"
    return Explanation(subject=f"the member {view.name(member_id)}", lines=lines, remedy=remedy)


_PARTED = (
    "{words}: block {height} of {day} says so, and this node was not there; your history stays here, "
    "what came after it is not for this device"
)
_BACK = "a member may invite you again: p2pnode invite"
_WAYS_BACK = {
    "left": _BACK,
    "removed": _BACK,
    "revoked": "use another device of yours",
    "sealed": "join with a new key: p2pnode --profile NAME join LINK",
}
_RECOVERING = (
    "you have asked that this device replaces all devices of {member}; it does seven days after a block has "
    "ordered that, unless an old device objects"
)
_ELECT = "the group elects a council: p2pnode propose council MEMBER... --seats N"
_COUNCIL = {
    "council.none": "the group has become so large that a council should order its log, and has elected none",
    "council.ending": "the term of the council ends on {day}",
    "council.over": "the term of the council was over on {day}; it goes on until another is elected",
    "council.vacant": "the council has lost {names}",
}
_CHANGES = {"revoke": "a device of theirs is struck", "recover": "a new device replaces all of theirs"}

_AWAY = {
    "leave": "at their own wish",
    "dormant": "nothing was heard of them for long",
    "absent": "they did not answer a roll call",
    "key": "the key that voted was struck",
    "suspended": "they were suspended",
    "council": "a council votes instead",
}


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


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

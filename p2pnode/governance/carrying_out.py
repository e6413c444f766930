"""What a decision does to the group's rows: one function for each subject.

Who decides, by what rule and until when is the business of `deciding.py`; bodies have the shapes of
`subjects.py` and were checked when the proposal opened. A decision that cannot be carried out any more gives
the rule that says why, and changes nothing.

| subject | what it does |
|---|---|
| `admit` | lets in who asked by a join |
| `remove` | ends a membership; the person may come back by a decision only |
| `suspend`, `reinstate` | takes the voting role and the political vote for some days, gives the latter back |
| `amend` | changes the charter |
| `voting_role` | lets a member become a voter, or takes the role |
| `lying_voters` | how many lying voters the group survives |
| `rule_version` | by which version entries are executed (J6) |
| `restore_key` | replaces all keys of a member by a new device |
| `role` | gives a role of the charter, or takes it back |
| `council` | {members, until_ms}: those who were elected |

What `commons`, `dispute` and `distribute` do stands in the economy. Other subjects are words only: there is
nothing to carry out.

Source: C 5.9, J6, J19, J22.
"""

from __future__ import annotations

from collections.abc import Callable

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.governance import joining, keys, leaving, roles, tables, voting
from p2pnode.governance.charter import amended
from p2pnode.governance.dormancy import DAY_MS

NO_MEMBER_RULE = "decision.no_member"


def apply_decision(state: State, context: BlockContext, _: bytes, subject: str, body: Value) -> str | None:
    """Carry a decision out, or say why it cannot be."""
    carry_out = _CARRIED_OUT.get(subject)
    return None if carry_out is None else carry_out(state, context, body)


def _admit(state: State, context: BlockContext, body: Value) -> str | None:
    return joining.admit_petition(state, body["join"], context)


def _remove(state: State, context: BlockContext, body: Value) -> str | None:
    if not _is_member(state, body["member"]):
        return NO_MEMBER_RULE
    voters = tables.voters(state)
    is_voter = tables.voter(state, body["member"]) is not None
    if is_voter and len(voters) > 1:
        # A removal that the others could not carry without the removed voter would be none.
        voting.lower_lying_voters(state, 1, len(voters) - 2)
    leaving.end_membership(state, body["member"], "removed", context)
    return None


def _suspend(state: State, context: BlockContext, body: Value) -> str | None:
    member_id = body["member"]
    if not _is_member(state, member_id):
        return NO_MEMBER_RULE
    until_ms = context.time_ms + body["days"] * DAY_MS
    until_ms = max(until_ms, tables.suspended_until_ms(state, member_id))
    tables.write(state, row_key("suspension", member_id), until_ms)
    if tables.voter(state, member_id) is not None:
        voting.goes_away(state, member_id, "suspended", context)
    return None


def _reinstate(state: State, _: BlockContext, body: Value) -> str | None:
    """End a suspension; a voter says itself when it is back (`voter.return`)."""
    if not tables.suspended_until_ms(state, body["member"]):
        return "decision.not_suspended"
    state.delete(row_key("suspension", body["member"]))
    return None


def _amend(state: State, _: BlockContext, body: Value) -> str | None:
    before = tables.charter(state)
    try:
        after = amended(before, body["charter"])
    except FormatError as error:
        return error.rule
    number = after.lying_voters
    if number != before.lying_voters and isinstance(number, int):
        if not voting.may_survive(len(tables.voters(state)), number):
            return "decision.no_quorum"
        tables.put_lying_voters(state, number)
    state.put(tables.CHARTER_KEY, codec.encode(dict(after.value)))
    return None


def _voting_role(state: State, context: BlockContext, body: Value) -> str | None:
    member_id = body["member"]
    if not tables.is_in_good_standing(state, member_id):
        return NO_MEMBER_RULE
    if not body["give"]:
        voting.loses_role(state, member_id, "withdrawn", context)
    elif tables.voter(state, member_id) is None:
        voting.grant(state, member_id, "decision")
    return None


def _lying_voters(state: State, _: BlockContext, body: Value) -> str | None:
    """Set the number of tolerated liars; under "auto" it rises again with the next new voter (J19)."""
    if not voting.may_survive(len(tables.voters(state)), body["lying_voters"]):
        return "decision.no_quorum"
    tables.put_lying_voters(state, body["lying_voters"])
    return None


def _rule_version(state: State, _: BlockContext, body: Value) -> str | None:
    if body["version"] <= tables.read_uint(state, tables.RULE_VERSION_KEY, 1):
        return "decision.older_version"
    tables.write(state, tables.RULE_VERSION_KEY, body["version"])
    return None


def _restore_key(state: State, context: BlockContext, body: Value) -> str | None:
    if not _is_member(state, body["member"]):
        return NO_MEMBER_RULE
    if tables.device(state, body["device"]) is not None:
        return "decision.known_device"
    keys.replace_keys(state, body["member"], body["device"], body["recovery"], context)
    return None


def _role(state: State, context: BlockContext, body: Value) -> str | None:
    member_id, name = body["member"], body["role"]
    if not body["give"]:
        roles.drop_role(state, member_id, name)
        return None
    role = tables.charter(state).roles.get(name)
    if role is None:
        return "decision.unknown_role"
    if not tables.is_in_good_standing(state, member_id):
        return NO_MEMBER_RULE
    holders = [holder for holder in roles.holders(state, name) if holder != member_id]
    if len(holders) >= role.holders_max:
        return "decision.role_is_taken"
    until_ms = context.time_ms + role.term_days * DAY_MS if role.term_days else 0
    roles.put_role(state, member_id, name, until_ms)
    return None


def _council(state: State, context: BlockContext, body: Value) -> str | None:
    """Let the elected vote; they take over once two thirds of them do.

    Shapes: somebody elected who is no member any more, or is suspended, keeps no seat.
    """
    elected = [member for member in sorted(set(body["members"])) if tables.is_in_good_standing(state, member)]
    if not elected:
        return NO_MEMBER_RULE
    tables.write(state, tables.COUNCIL_KEY, [elected, body["until_ms"]])
    for member_id, by in list(tables.scan(state, "grant")):
        if by == "council":
            state.delete(row_key("grant", member_id))
    for member_id in elected:
        voting.grant(state, member_id, "council")
        away = tables.away(state, member_id)
        if away is not None and away.reason == "council":
            state.delete(row_key("away", member_id))
            voting.note_ready(state, member_id, away.key, context)
    return None


def _is_member(state: State, member_id: bytes) -> bool:
    row = tables.member(state, member_id)
    return row is not None and row.status == "member"


_CARRIED_OUT: dict[str, Callable[[State, BlockContext, Value], str | None]] = {
    "admit": _admit,
    "amend": _amend,
    "council": _council,
    "lying_voters": _lying_voters,
    "reinstate": _reinstate,
    "remove": _remove,
    "restore_key": _restore_key,
    "role": _role,
    "rule_version": _rule_version,
    "suspend": _suspend,
    "voting_role": _voting_role,
}

"""What a proposal may be about: for each subject the shape of its body, and what has to hold when it opens.

| subject | body |
|---|---|
| `admit` | {join: id of the entry that asks} |
| `amend` | {charter: {setting: value}}, see `charter.amended` |
| `commons` | {entry}: adopts a change, an inflow or a withdrawal that somebody has written |
| `council` | {candidates: [member id...], seats, term_days}: an election |
| `dispute` | {event: record id, stands}, or {event, provider: member id} of an imported claim |
| `distribute` | {after, flow, last, result, rule}: a run over the blocks above one height up to another |
| `lying_voters` | {lying_voters} |
| `mandate` | {acts: [word...], days, holders: [member id...], name, needed}, or {withdraw: mandate id} |
| `reinstate` | {member}: ends a suspension |
| `remove` | {member} |
| `restore_key` | {device, member, recovery}: a new first device and commitment for a member without keys |
| `role` | {give, member, role} |
| `rule_version` | {version} |
| `suspend` | {days, member} |
| `text` | {text?}: what the group adopts, here or in the annex |
| `voting_role` | {give, member} |
| of the group's own | any map: it binds people alone |

What a decision then does to the group is carried out elsewhere (`carrying_out.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from p2pnode.consensus.rows import Rows, row_key
from p2pnode.core import codec
from p2pnode.core.amount import amount_of_value
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.governance import tables
from p2pnode.governance.charter import Charter, amended, check_changes
from p2pnode.governance.decision_rule import HOUR_MS, SUBJECTS, DecisionRule

PREFIX = "proposal"
DAY_MS = 24 * HOUR_MS
TEXT_CHARACTERS_MAX = 20_000
"""A text that is adopted stands in the payload for ever; about ten pages leave room in 64 KiB."""

CANDIDATES_MAX = 64
HOLDERS_MAX = 32
ACTS_MAX = 16
TERM_DAYS_MAX = 3660
OWN_BODY_BYTES_MAX = 16 * 1024
"""What the data of a subject of the group's own may be."""

CONCERNING = ("remove", "suspend", "restore_key")
"""Subjects about one member, who is heard but does not vote."""

HEARD = ("remove", "restore_key")
"""Of these the vote cannot close before the hearing is over: neither can be undone by waiting."""

AMEND = "amend"
DISTRIBUTE = "distribute"
ELECTION = "council"
MANDATE = "mandate"


def check_body(subject: str, body: Value) -> None:
    """Check the shape of a body.

    Shapes: a subject of the group's own takes any map of at most 16 KiB. Errors: FormatError
    proposal.bad_field, charter.bad_field, charter.fixed, amount.*.
    """
    check = _BODIES.get(subject)
    if check is not None:
        check(body)
    elif type(body) is not dict or len(codec.encode(body)) > OWN_BODY_BYTES_MAX:
        raise FormatError(f"{PREFIX}.bad_field", f"body: not a map of at most {OWN_BODY_BYTES_MAX} bytes")


def concerned_by(subject: str, body: Value) -> bytes | None:
    """The member whom a proposal is about and who is heard, or None."""
    return bytes(body["member"]) if subject in CONCERNING else None


def rule_for(charter: Charter, subject: str, body: Value) -> DecisionRule:
    """By which rule a proposal is decided.

    Shapes: an amendment that gives a subject another threshold has to pass under the stricter of both, and
    one that sets the tolerated liars under the rule for these as well. Source: C 5.9.
    """
    rule = charter.rule(subject)
    if subject != AMEND:
        return rule
    changes: Mapping[str, Value] = body["charter"]
    others = [charter.rule("lying_voters")] if "lying_voters" in changes else []
    if "decisions" in changes:
        after = amended(charter, changes)
        names = sorted({*SUBJECTS, *charter.setting("decisions"), *after.setting("decisions")})
        pairs = ((charter.rule(name), after.rule(name)) for name in names)
        others += [one for pair in pairs if pair[0].threshold != pair[1].threshold for one in pair]
    return rule.at_least(others)


def void_rule_at_opening(rows: Rows, charter: Charter, subject: str, body: Value) -> str | None:
    """Why a proposal with a well-formed body cannot be put to this group now, or None."""
    if not charter.has_rule(subject):
        return "proposal.unknown_subject"
    if subject == AMEND:
        try:
            amended(charter, body["charter"])
        except FormatError as error:
            return error.rule
    if subject == "role" and body["role"] not in charter.roles:
        return "proposal.unknown_role"
    if subject == "admit" and tables.petition(rows, body["join"]) is None:
        return "proposal.no_petition"
    if subject == MANDATE and "withdraw" in body:
        known = rows.get(row_key("mandate", body["withdraw"])) is not None
        return None if known else "proposal.no_mandate"
    named = [body["member"]] if "member" in body and subject in SUBJECTS else []
    named += body["candidates"] if subject == ELECTION else body["holders"] if subject == MANDATE else []
    if any(not _is_member(rows, member) for member in named):
        return "proposal.no_such_member"
    return None


def _is_member(rows: Rows, member: bytes) -> bool:
    row = tables.member(rows, member)
    return row is not None and row.status == "member"


def _members(fields: Fields, name: str, most: int) -> None:
    items = fields.items(name, most, least=1)
    if any(type(item) is not bytes or len(item) != HASH_BYTES for item in items):
        raise fields.refuse(name, "not a list of member ids")
    if any(left >= right for left, right in pairwise(items)):
        raise fields.refuse(name, "not strictly ascending")


def _bool(fields: Fields, name: str) -> None:
    if type(fields.value(name)) is not bool:
        raise fields.refuse(name, "neither true nor false")


def _check_admit(body: Value) -> None:
    Fields(body, PREFIX, ("join",)).hash("join")


def _check_member(body: Value) -> None:
    Fields(body, PREFIX, ("member",)).hash("member")


def _check_suspend(body: Value) -> None:
    fields = Fields(body, PREFIX, ("days", "member"))
    fields.hash("member")
    fields.uint("days", 366, least=1)


def _check_amend(body: Value) -> None:
    check_changes(Fields(body, PREFIX, ("charter",)).value("charter"))


def _check_text(body: Value) -> None:
    fields = Fields(body, PREFIX, (), ("text",))
    if fields.has("text"):
        fields.text("text", TEXT_CHARACTERS_MAX, lines=True)


def _check_role(body: Value) -> None:
    fields = Fields(body, PREFIX, ("give", "member", "role"))
    fields.hash("member")
    fields.text("role", 32)
    _bool(fields, "give")


def _check_voting_role(body: Value) -> None:
    fields = Fields(body, PREFIX, ("give", "member"))
    fields.hash("member")
    _bool(fields, "give")


def _check_council(body: Value) -> None:
    fields = Fields(body, PREFIX, ("candidates", "seats", "term_days"))
    _members(fields, "candidates", CANDIDATES_MAX)
    fields.uint("seats", len(fields.items("candidates", CANDIDATES_MAX)), least=1)
    fields.uint("term_days", TERM_DAYS_MAX, least=1)


def _check_commons(body: Value) -> None:
    Fields(body, PREFIX, ("entry",)).hash("entry")


def _check_dispute(body: Value) -> None:
    is_claim = type(body) is dict and "provider" in body
    fields = Fields(body, PREFIX, ("event", "provider" if is_claim else "stands"))
    fields.hash("event")
    if is_claim:
        fields.hash("provider")
    else:
        _bool(fields, "stands")


def _check_distribute(body: Value) -> None:
    fields = Fields(body, PREFIX, ("after", "flow", "last", "result", "rule"))
    fields.text("rule", 32)
    fields.uint("after")
    fields.uint("last", least=1)
    amount_of_value(fields.value("flow"))
    fields.hash("result")


def _check_lying_voters(body: Value) -> None:
    Fields(body, PREFIX, ("lying_voters",)).uint("lying_voters", MEMBERS_MAX)


def _check_rule_version(body: Value) -> None:
    Fields(body, PREFIX, ("version",)).uint("version", least=1)


def _check_restore_key(body: Value) -> None:
    fields = Fields(body, PREFIX, ("device", "member", "recovery"))
    fields.hash("member")
    fields.key("device")
    fields.hash("recovery")


def _check_mandate(body: Value) -> None:
    if type(body) is dict and "withdraw" in body:
        Fields(body, PREFIX, ("withdraw",)).hash("withdraw")
        return
    fields = Fields(body, PREFIX, ("acts", "days", "holders", "name", "needed"))
    fields.text("name", 80)
    _members(fields, "holders", HOLDERS_MAX)
    fields.uint("needed", len(fields.items("holders", HOLDERS_MAX)), least=1)
    fields.uint("days", TERM_DAYS_MAX, least=1)
    acts = fields.items("acts", ACTS_MAX, least=1)
    if any(type(act) is not str or not 1 <= len(act) <= 32 for act in acts) or len(set(acts)) != len(acts):
        raise fields.refuse("acts", "not a list of distinct words")


_BODIES: Mapping[str, Callable[[Value], None]] = {
    "admit": _check_admit,
    "amend": _check_amend,
    "commons": _check_commons,
    "council": _check_council,
    "dispute": _check_dispute,
    "distribute": _check_distribute,
    "lying_voters": _check_lying_voters,
    "mandate": _check_mandate,
    "reinstate": _check_member,
    "remove": _check_member,
    "restore_key": _check_restore_key,
    "role": _check_role,
    "rule_version": _check_rule_version,
    "suspend": _check_suspend,
    "text": _check_text,
    "voting_role": _check_voting_role,
}

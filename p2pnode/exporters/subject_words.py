"""What a proposal is about, in a few English words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from p2pnode.core.amount import amount_text
from p2pnode.core.codec import Value
from p2pnode.governance.charter import TABLES
from p2pnode.governance.proposal import Proposal

_CHARACTERS_MAX = 500

Name = Callable[[bytes], str]


def about_in_words(proposal: Proposal, name: Name) -> str:
    """A heading for a proposal. Shapes: name gives what a member is called."""
    body = proposal.body
    if proposal.subject in ("reinstate", "remove", "restore_key", "role", "suspend", "voting_role"):
        return _about_a_member(proposal.subject, body, name(body["member"]))
    match proposal.subject:
        case "admit":
            return f"Admission of a newcomer (request {body['join'].hex()[:8]})"
        case "amend":
            return _cut(f"Change of the charter: {'; '.join(_changes(body['charter']))}")
        case "commons":
            return f"Adoption of what {body['entry'].hex()[:8]} says about a commons"
        case "council":
            candidates = ", ".join(name(candidate) for candidate in body["candidates"])
            return (
                f"Election of a council of {body['seats']} from {candidates}, for {_days(body['term_days'])}"
            )
        case "dispute" if "provider" in body:
            return f"Claimed record {body['event'].hex()[:8]} as a contribution of {name(body['provider'])}"
        case "dispute":
            answer = "stands" if body["stands"] else "does not stand"
            return f"Record {body['event'].hex()[:8]} {answer}"
        case "distribute":
            return f"Sharing {amount_text(tuple(body['flow']))} by the rule {body['rule']}"
        case "lying_voters":
            return f"Tolerated faulty voters: {body['lying_voters']}"
        case "mandate" if "withdraw" in body:
            return f"Withdrawal of a mandate (decision {body['withdraw'].hex()[:8]})"
        case "mandate":
            holders, acts = ", ".join(name(holder) for holder in body["holders"]), ", ".join(body["acts"])
            return (
                f"Mandate “{body['name']}” for {acts}: {body['needed']} of {holders} sign together, "
                f"for {_days(body['days'])}"
            )
        case "rule_version":
            return f"Following rules of version {body['version']}"
        case "text":
            return "Adoption of a text"
        case subject:
            return subject.replace("_", " ").capitalize()


def _changes(changes: Value) -> Iterator[str]:
    """What an amendment sets, and which entries of tables it takes away."""
    for setting, value in sorted(changes.items()):
        if setting not in TABLES or type(value) is not dict:
            yield f"{setting} = {_value(value)}"
            continue
        for entry, row in sorted(value.items()):
            yield f"{setting}.{entry} taken away" if row is None else f"{setting}.{entry}: {_value(row)}"


def _value(value: Value) -> str:
    if type(value) is dict:
        return ", ".join(f"{name} {_value(item)}" for name, item in sorted(value.items()))
    if type(value) is list:
        parts = [f"({_value(item)})" if type(item) is dict else _value(item) for item in value]
        return "/".join(parts) if _is_part(value) else " and ".join(parts)
    if type(value) is bool:
        return "yes" if value else "no"
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS_MAX else f"{text[: _CHARACTERS_MAX - 1]}…"


def _is_part(value: list[Value]) -> bool:
    return len(value) == 2 and all(type(number) is int for number in value)


def _about_a_member(subject: str, body: Value, member: str) -> str:
    given = "given to" if body.get("give") else "taken from"
    match subject:
        case "reinstate":
            return f"End of the suspension of {member}"
        case "remove":
            return f"Removal of {member}"
        case "restore_key":
            return f"New keys for {member}"
        case "role":
            return f"Role of {body['role']} {given} {member}"
        case "suspend":
            return f"Suspension of {member} for {_days(body['days'])}"
        case _:
            return f"Voting role in ordering the log {given} {member}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"

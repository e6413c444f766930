"""The sentences of a printed statement of giving and taking, the same in HTML and PDF."""

from __future__ import annotations

from p2pnode.exporters.statement import day_and_time
from p2pnode.local.account_shapes import Account, AccountLine

SHORT = 8


def title_of(account: Account) -> str:
    """The heading."""
    return f"Given and received: {account['who'] or account['group']}"


def period_of(account: Account) -> str:
    """From when to when, in words."""
    if account["from_ms"] is None and account["to_ms"] is None:
        return "Everything since the founding."
    begin = "the founding" if account["from_ms"] is None else day_and_time(account["from_ms"])
    end = "now" if account["to_ms"] is None else day_and_time(account["to_ms"])
    return f"From {begin} up to {end}."


def ordered_up_to(account: Account) -> str:
    """How far the group had ordered its record when this was made."""
    if not account["block"]:
        return "No block has ordered anything yet, so nothing of it can be proven to a stranger."
    return f"The group has ordered its record up to block {account['height']}, {account['block']}."


def how_to_check(account: Account) -> list[str]:
    """What somebody does who does not take this paper's word."""
    trusted = f"p2pnode proof verify line.proof --trusted {account['group_id']}"
    return [
        "Each line names its entry, and the block that ordered it. Final is what the group's voters have "
        "certified; nobody can change it alone. What is acknowledged or signed "
        "may still change its place, and void or struck lines change nothing.",
        "For a line of what was given or received, a member writes its proof into a file: "
        "p2pnode proof receipt ENTRY -o line.proof",
        f"A stranger checks that file on any computer, without a network: {trusted}",
        "Names are those that the group's members know; they are no part of a proof.",
    ]


def cut_words() -> str:
    """What is said where there was more than is shown."""
    return "There is more than this shows. Choose a shorter period with --from and --to."


def moment_of(line: AccountLine) -> str:
    """When, or nothing."""
    return "" if line["time_ms"] is None else day_and_time(line["time_ms"])


def proof_of(line: AccountLine) -> str:
    """By what a line is found and proven."""
    block = "" if line["block"] is None else f", block {line['block']}"
    return f"{line['entry'][: 2 * SHORT]}{block}"

"""`p2pnode vote`, `delegate`, `codes`: ballots, one's own and those of members without a device at hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.invocation import GroupOption, Proposal, invocation_of
from p2pnode.commands.terminal import say, short
from p2pnode.core.errors import UsageError

CHOICES = ("yes", "no", "abstain", "object")


def vote(
    context: typer.Context,
    proposal: Proposal,
    choice: Annotated[str | None, typer.Argument(metavar="yes|no|abstain|object", show_default=False)] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", "-r", metavar="TEXT", help="Why; an objection needs one.", show_default=False
        ),
    ] = "",
    rank: Annotated[
        list[str] | None,
        typer.Option("--rank", metavar="MEMBER", help="In an election: best first; repeatable."),
    ] = None,
    member: Annotated[
        str | None,
        typer.Option("--for", metavar="MEMBER", help="Record it for somebody, who then confirms it."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm the ballot that somebody recorded.")
    ] = False,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="A code of that person's paper, with --confirm.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Cast a ballot; it may be changed until the vote closes.

    \b
    Examples:
      p2pnode vote 3f0a99c2 yes
      p2pnode vote "Opening hours" object --reason "Saturdays exclude our families"
      p2pnode vote council --rank Alice --rank Bob
      p2pnode vote "Opening hours" yes --for Carol
      p2pnode vote "Opening hours" --confirm
      p2pnode vote "Opening hours" --confirm --for Carol --code 0123-4567-...
    """
    invocation = invocation_of(context)
    if confirm:
        body: dict[str, Any] = {"group": group, "proposal": proposal, "member": member, "code": code}
        written = invocation.client.post("/ballots/confirm", body)
        invocation.answer(written, lambda _: say("The recorded ballot counts with the next block."))
        return
    if rank:
        choice = "ranked"
    if choice != "ranked" and choice not in CHOICES:
        raise UsageError(
            "ballot.wrong_choice",
            "What is your vote?" if choice is None else f"'{choice}' is no vote.",
            "Write yes, no, abstain or object; in an election --rank NAME --rank NAME.",
        )
    body = {
        "group": group,
        "proposal": proposal,
        "choice": choice,
        "ranked": rank or [],
        "reason": reason,
        "member": member,
    }
    written = invocation.client.post("/ballots", body)
    counting = f"it counts once {member} confirms it" if member else "it counts with the next block"
    done = "Recorded" if member else "Your ballot is cast"
    invocation.answer(written, lambda answer: say(f"{done}. Entry {short(answer['entry'])}; {counting}."))


def codes(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, max=32, help="How many; one confirms one ballot.")] = 12,
    group: GroupOption = None,
) -> None:
    """Make one-time codes that confirm ballots recorded for you.

    They do it without your device. Print them or write them down: they are shown this once. A new sheet ends
    the old one.

    \b
    You, once:
      p2pnode codes
    Later, when you vote on paper or by telephone, a member for you:
      p2pnode vote "Opening hours" yes --for Carol
      p2pnode vote "Opening hours" --confirm --for Carol --code 0123-4567-...
    """
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "count": count}
    made = invocation.client.post("/ballots/codes", body)
    invocation.answer(
        made,
        lambda answer: say(
            "They count with the next block; each is good for one ballot. Keep them like a key.",
            *(f"  {number:>2}  {code}" for number, code in enumerate(answer["codes"], 1)),
        ),
    )


def delegate(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Argument(metavar="MEMBER", help="Who votes for you.", show_default=False)
    ] = None,
    proposal: Annotated[str | None, typer.Option(metavar="PROPOSAL", help="On this proposal only.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="SUBJECT", help="On this subject only.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Take the vote back.")] = False,
    group: GroupOption = None,
) -> None:
    """Give your vote to somebody, or take it back.

    An own ballot always goes before.

    \b
    Examples:
      p2pnode delegate Alice
      p2pnode delegate Bob --subject text
      p2pnode delegate --back
    """
    if (to is None) != back:
        raise UsageError("ballot.to_whom", "To whom?", "Name a member, or take the vote back with --back.")
    invocation = invocation_of(context)
    word = group if proposal is not None else invocation.group(group)
    body = {"group": word, "to": to, "proposal": proposal, "subject": subject}
    written = invocation.client.post("/delegations", body)
    done = "Your vote is yours again" if to is None else f"Your vote goes to {to}"
    invocation.answer(written, lambda _: say(f"{done} with the next block."))

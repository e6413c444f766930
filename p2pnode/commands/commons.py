"""`p2pnode commons`: used by many and owned by none: licences, uses, how everybody stands to them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms, measure, unit_of
from p2pnode.commands.economy import NoteOption, Who, rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short
from p2pnode.core.errors import UsageError

commons = typer.Typer(help="Commons: licences, uses, and how everybody stands to them.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the start of its id.")]
_Licence = Annotated[
    list[str] | None,
    typer.Option("--licence", metavar="TERM", help="'community: free', 'anyone selling: 5% of EUR'."),
]
_Stewards = Annotated[
    list[str] | None,
    typer.Option("--steward", metavar="MEMBER", help="Who looks after it; you, if left out."),
]
_Things = Annotated[
    list[str] | None,
    typer.Option("--thing", metavar="THING", help="A thing of the group that belongs to it."),
]
_REACHES = "group: members alone; world: anyone."
_ROLES = {
    "anyone": "anyone",
    "association": "association",
    "community": "community",
    "entrepreneur": "entrepreneur",
    "entrepreneurs": "entrepreneur",
}
_SHARE = re.compile(r"(?P<number>\d+(?:[.,]\d)?)% of (?P<unit>\S+)")
_EACH = re.compile(r"(?P<amount>\d\S*(?: \S+)?) per (?P<unit>\S+)")
_BELOW = re.compile(r"free below (?P<amount>\d\S*(?: \S+)?)(?: a year)?")
_BACK = "free for those who give back"


@commons.command("open")
def open_commons(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="By it, contributions name the commons.")],
    licence: _Licence = None,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="energy, equipment, knowledge, land or place.")
    ] = "equipment",
    reach: Annotated[str, typer.Option(metavar="WHO", help=_REACHES)] = "world",
    steward: _Stewards = None,
    thing: _Things = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Open a commons with a licence: what is asked of whom, for which use.

    \b
    A term is WHO [USE]: WHAT. WHO is anyone, community, entrepreneurs or association; WHAT is free,
    attribution, by agreement, 5% of EUR, or 2 EUR per hour; the last two may go on with
    `, free below 1000 EUR a year` and `, free for those who give back`. What no term names
    needs an agreement.
    Examples:
      p2pnode commons open workshop --licence "community: free" --licence "anyone: 2 EUR per hour"
      p2pnode commons open "seed box" --kind knowledge --licence "anyone: attribution" \\
        --licence "anyone selling: 5% of EUR, free below 10000 EUR a year, free for those who give back"
    """
    said = {
        "name": name,
        "kind": kind,
        "reach": reach,
        "licence": [_term(sentence) for sentence in licence or ["community: free"]],
        "stewards": steward or None,
        "things": thing or None,
    }
    say_it(context, group, "commons", said, note)


def _term(sentence: str) -> dict[str, Any]:
    """A term of a licence as the local API takes it. Errors: UsageError licence.bad_text."""
    who, colon, asked = sentence.partition(":")
    words = who.split()
    if words and words[0] == "the":
        words = words[1:]
    if not colon or not words or words[0] not in _ROLES:
        raise _no_term(sentence)
    said: dict[str, Any] = {"role": _ROLES[words[0]]}
    if len(words) > 1:
        said["use"] = " ".join(words[1:])
    first, *conditions = [part.strip() for part in asked.split(", ")]
    said |= _asked(sentence, first)
    for condition in conditions:
        below = _BELOW.fullmatch(condition)
        if condition == _BACK:
            said["reciprocal"] = True
        elif below is not None:
            said["free_below"] = measure(below["amount"])
        else:
            raise _no_term(sentence)
    return said


def _asked(sentence: str, text: str) -> dict[str, Any]:
    plain = {"free": "free", "attribution": "attribution", "by agreement": "agreement"}
    if text in plain:
        return {"asks": plain[text]}
    share, each = _SHARE.fullmatch(text), _EACH.fullmatch(text)
    if share is not None:
        whole, _, tenth = share["number"].replace(",", ".").partition(".")
        permille = int(whole) * 10 + int(tenth or 0)
        return {"asks": "share", "share_permille": permille, "unit": unit_of(share["unit"])}
    if each is not None:
        return {"asks": "each", "each": measure(each["amount"]), "unit": unit_of(each["unit"])}
    raise _no_term(sentence)


def _no_term(sentence: str) -> UsageError:
    return UsageError(
        "licence.bad_text",
        f"'{sentence}' is no term of a licence.",
        "Write WHO [USE]: WHAT, such as 'community: free' or 'anyone selling: 5% of EUR'; "
        "p2pnode commons open --help has more.",
    )


@commons.command()
def change(
    context: typer.Context,
    name: _Name,
    licence: _Licence = None,
    reach: Annotated[str | None, typer.Option(metavar="WHO", help=_REACHES)] = None,
    steward: _Stewards = None,
    thing: _Things = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Change a commons; what you say takes the place of what was. Without the right, the group decides.

    \b
    Example:
      p2pnode commons change workshop --licence "community: free" --licence "anyone: 3 EUR per hour"
      p2pnode commons waiting
    """
    said = {
        "commons": name,
        "reach": reach,
        "licence": [_term(sentence) for sentence in licence] if licence else None,
        "stewards": steward or None,
        "things": thing or None,
    }
    say_it(context, group, "commons-change", said, note)


@commons.command()
def role(
    context: typer.Context,
    name: _Name,
    agent: Annotated[str, typer.Argument(metavar="WHO", help="A member, or somebody outside.")],
    given: Annotated[
        str | None, typer.Argument(metavar="ROLE", help="community, entrepreneur or association.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the role.")] = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Give somebody a role in a commons, or end it. Who gives roles says the charter; yours you end yourself.

    \b
    Examples:
      p2pnode commons role workshop "Wood Ltd" entrepreneur
      p2pnode commons role workshop me --end
    """
    if (given is None) != end:
        raise UsageError("commons.what_role", "Which role?", "Give a role, or --end.")
    say_it(context, group, "commons-role", {"commons": name, "agent": agent, "role": given}, note)


@commons.command()
def use(
    context: typer.Context,
    name: _Name,
    amount: Annotated[
        list[str], typer.Argument(metavar="AMOUNT [USE]", help="How much, for what: 3h, 1000 EUR selling.")
    ],
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Somebody outside; you, if left out.")
    ] = None,
    agreement: Annotated[
        str | None, typer.Option(metavar="NAME", help="The agreement that allows it.")
    ] = None,
    when: Annotated[str | None, typer.Option(metavar="DATE", help="When; now if left out.")] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Record a use of a commons; what the licence asks for it becomes a claim.

    \b
    Examples:
      p2pnode commons use workshop 3h
      p2pnode commons use "seed box" 1000 EUR selling --by "Seeds Ltd"
      p2pnode record transfer 50 EUR --to group --settles USE      # gives what is owed
    """
    number, unit, kind = _use(amount)
    said = {
        "commons": name,
        "quantity": f"{number} {unit}",
        "use": kind or None,
        "actor": by,
        "agreement": agreement,
        "performed_ms": None if when is None else date_ms(when),
    }
    say_it(context, group, "use", said, note)


def _use(words: list[str]) -> tuple[str, str, str]:
    """Number, unit and kind of use. Shapes: the word behind a bare number is its unit, such as 1000 EUR."""
    number, unit, rest = amount_and_rest(words)
    if unit == "one" and rest:
        unit, _, rest = rest.partition(" ")
    return number, unit, rest


@commons.command()
def withdraw(
    context: typer.Context,
    used: Annotated[str, typer.Argument(metavar="USE", help="The start of its id.")],
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Let a use not count: a steward does it for others; for yourself the group decides."""
    say_it(context, group, "use-withdrawal", {"use": used}, note)


@commons.command("list")
def list_commons(context: typer.Context, group: GroupOption = None) -> None:
    """Show the commons of the group."""
    invocation_of(context).answer(rows(context, group, "commons", None), _show_list)


def _show_list(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No commons. `p2pnode commons open --help` shows how to open one.")
        return
    print_table(
        ("commons", "name", "kind", "for", "stewards"),
        [
            (short(one["id"]), one["name"], one["kind"], one["reach"], ", ".join(one["stewards"]))
            for one in found
        ],
    )


@commons.command()
def show(context: typer.Context, name: _Name, group: GroupOption = None) -> None:
    """Show a commons: its licence, roles and things, and how everybody stands to it."""
    _ask(context, name, None, group)


@commons.command()
def standing(
    context: typer.Context,
    name: _Name,
    who: Annotated[str, typer.Argument(metavar="WHO", help="A member, somebody outside, or `me`.")] = "me",
    group: GroupOption = None,
) -> None:
    """Show what somebody gave a commons and took, what they owe, and every entry behind it.

    \b
    Examples:
      p2pnode commons standing workshop
      p2pnode commons standing workshop "Wood Ltd"
    """
    _ask(context, name, who, group)


def _ask(context: typer.Context, name: str, who: str | None, group: str | None) -> None:
    invocation = invocation_of(context)
    answer = invocation.client.get("/commons", group=invocation.group(group), commons=name, who=who)
    invocation.answer(answer, _show_standing if who is not None else _show)


def _show(one: dict[str, Any]) -> None:
    say(f"{one['name']}, a commons of {one['kind']} for the {one['reach']}")
    for term in one["licence"]:
        say(f"  {term}")
    if one["things"]:
        say(f"Things: {', '.join(one['things'])}")
    for part in one["participants"]:
        say(f"{part['agent']}, {part['role']}: {', '.join(part['rights']) or 'no rights'}")
    if one["standings"]:
        _show_table(one["standings"])
        say(_test(one["test"]))


def _show_table(standings: list[dict[str, Any]]) -> None:
    print_table(
        ("who", "as", "gave", "took", "owes", ""),
        [
            (
                part["agent"],
                part["role"],
                ", ".join(one["given"] for one in part["balances"]),
                ", ".join(one["taken"] for one in part["balances"]),
                ", ".join(part["owed"]) or "nothing",
                part["verdict"],
            )
            for part in standings
        ],
        right=("gave", "took"),
    )


def _test(test: dict[str, Any]) -> str:
    """The charter's test in words."""
    permille, years = test["generative_permille"], test["years"]
    weights = ", ".join(f"{unit} {points}" for unit, points in test["weights"].items())
    counted = f", in points ({weights})" if weights else ""
    span = "this year" if years == 1 else f"the last {years} years"
    return f"Generative is who gives at least {permille / 10:g}% of what they take, over {span}{counted}."


def _show_standing(one: dict[str, Any]) -> None:
    _show_table(one["standings"])
    for part in one["standings"]:
        for entry in part["entries"]:
            old = "" if entry["counts"] else ", of a year that counts no more"
            say(f"  {entry['kind']} {entry['quantity']}: {short(entry['record'])}{old}")
    say(_test(one["test"]))


@commons.command()
def uses(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show recorded uses, and what is owed for them."""
    invocation_of(context).answer(rows(context, group, "uses", who), _show_uses)


def _show_uses(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No uses. `p2pnode commons use --help` shows how to record one.")
        return
    print_table(
        ("use", "date", "commons", "who", "what", "owed", "given", ""),
        [
            (
                short(one["id"]),
                local_time(one["performed_ms"]),
                one["commons"],
                one["actor"],
                f"{one['quantity']} {one['use']}".strip(),
                one["owed"] or "nothing",
                one["settled"],
                _remark(one),
            )
            for one in sorted(found, key=lambda one: int(one["performed_ms"]))
        ],
        right=("owed", "given"),
    )


def _remark(one: dict[str, Any]) -> str:
    if one["status"] != "standing":
        return str(one["status"])
    if not one["is_licensed"]:
        return "without an agreement"
    return "gives back" if one["is_exempt"] else ""


@commons.command()
def waiting(context: typer.Context, group: GroupOption = None) -> None:
    """Show what was put before the group: changes, withdrawals, means from outside."""
    invocation_of(context).answer(rows(context, group, "commons-waiting", None), _show_waiting)


def _show_waiting(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing waits for the group.")
        return
    print_table(
        ("id", "what", "commons", "by"),
        [(short(one["id"]), one["what"], one["commons"], one["author"]) for one in found],
    )
    say("Let the group decide on one: p2pnode propose commons ID")

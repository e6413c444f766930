"""`p2pnode skills`: what somebody can do, by what they did, taught and learned; to carry away as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import Trusted, id_of, read_bytes, write_bytes
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import EXIT_NO, counted, local_time, print_table, say, short
from p2pnode.core.errors import FormatError, UsageError

_RECORDS_SHOWN = 20


def skills(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="MEMBER", help="Whose; you, if left out.")] = "me",
    skill: Annotated[str | None, typer.Option("--skill", metavar="NAME", help="Only one skill.")] = None,
    export: Annotated[
        str | None,
        typer.Option("--export", metavar="FILE", help="Write your own into a file, to carry with you."),
    ] = None,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="FILE", help="Look into somebody's file; needs no node.")
    ] = None,
    trusted: Trusted = None,
    group: GroupOption = None,
) -> None:
    """Show what a member practised, taught and learned, who attests it, and the records behind it.

    Work and services that have a name are skills; `--lesson taught` or `learned` makes them lessons. Your own
    record is yours: a stranger, or another group, checks the file without a network.

    \b
    Examples:
      p2pnode skills
      p2pnode skills Bob --skill "bicycle repair"
      p2pnode skills --export my-skills.p2p
      p2pnode skills --verify bobs-skills.p2p --trusted GROUP_ID
    """
    invocation = invocation_of(context)
    if verify is not None:
        _verify(invocation, Path(verify).expanduser(), trusted)
        return
    if export is not None:
        if who != "me" or skill is not None:
            raise UsageError(
                "skills.not_yours",
                "A record of skills is carried away by whom it is about, and as a whole.",
                "Write your own: p2pnode skills --export FILE",
            )
        _export(invocation, Path(export).expanduser(), group)
        return
    request = {"group": invocation.group(group), "who": who, "skill": skill}
    invocation.answer(invocation.client.get("/skills", **request), _show)


def _export(invocation: Invocation, path: Path, group: str | None) -> None:
    found = invocation.client.get("/skills/bundle", group=invocation.group(group))
    write_bytes(path, bytes.fromhex(found["bundle_hex"]))
    answer = {"path": str(path), "records": found["records"], "height": found["height"]}
    invocation.answer(
        answer,
        lambda answer: say(
            f"Written to {answer['path']}: {counted(answer['records'], 'record')}, your name, who attests "
            "what. Give it to whom you like; they look into it: p2pnode skills --verify FILE"
        ),
    )


def _verify(invocation: Invocation, path: Path, trusted: str | None) -> None:
    from p2pnode.skill_summary import skills_of_file

    data = read_bytes(path)
    try:
        found = skills_of_file(data, id_of(trusted))
    except FormatError as error:
        message = "the file is no record of skills, or only a part of one"
        if not error.rule.startswith("codec."):
            message = error.detail or error.rule
        invocation.answer(
            {"holds": False, "rule": error.rule, "message": message},
            lambda answer: say(f"It does NOT hold: {answer['message']} ({answer['rule']})."),
        )
        raise typer.Exit(EXIT_NO) from error
    invocation.answer({"holds": True, **found}, _show_verified)


def _show_verified(answer: dict[str, Any]) -> None:
    say(
        "It holds.",
        f"group     {answer['group']}",
        f"block     height {answer['height']} of {local_time(answer['time_ms'])}",
        f"member    {answer['member']} {answer['member_name']}".rstrip(),
    )
    if answer["finality"] != "ordinary":
        say("weaker    decided in a second convocation")
    _show(answer)
    say("It proves what is in it; whether something was left out, its group can tell.")


def _show(answer: dict[str, Any]) -> None:
    name = answer["member_name"] or short(answer["member"])
    if not answer["skills"]:
        say(
            f"Nothing that {name} did has a name yet. For example: "
            'p2pnode record work 2h "bicycle repair" --to group --stream commons'
        )
        return
    print_table(
        ("skill", "practised", "taught", "learned", "attested by", "last"),
        [
            (
                one["skill"],
                one["practised"],
                one["taught"],
                one["learned"],
                _judges(one),
                local_time(one["last_ms"])[:10],
            )
            for one in answer["skills"]
        ],
        right=("practised", "taught", "learned"),
    )
    say("")
    print_table(
        ("record", "date", "how much", "of", "", "with", "attested by", "state"),
        [
            (
                short(one["record"]),
                local_time(one["performed_ms"])[:10],
                one["quantity"],
                one["skill"],
                one["way"],
                one["other"],
                _judges(one),
                one["finality"],
            )
            for one in answer["records"][:_RECORDS_SHOWN]
        ],
        right=("how much",),
    )
    more = len(answer["records"]) - _RECORDS_SHOWN
    if more > 0:
        say(f"And {counted(more, 'older record')}: with --json all of them, with --skill those of one.")
    if not answer["is_whole"]:
        say("There are older records still, which were not looked at.")


def _judges(one: dict[str, Any]) -> str:
    """Who upholds it, each with their competence, and who disputes it."""
    said = [_judge(judge) for judge in one["upheld"]]
    return ", ".join([*said, *(f"disputed by {_judge(judge)}" for judge in one["disputed"])])


def _judge(judge: dict[str, str]) -> str:
    return f"{judge['member']} ({judge['competence']})" if judge["competence"] else judge["member"]

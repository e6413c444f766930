"""`p2pnode group`: founding alone or with others, and looking at groups."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import read_text, write_bytes
from p2pnode.commands.groups import list_groups, show
from p2pnode.commands.invocation import MyName, invocation_of
from p2pnode.commands.membership import list_members, show_terms
from p2pnode.commands.terminal import say, short
from p2pnode.core.errors import UsageError

group = typer.Typer(help="Groups: found, show, members; alone, a list.", no_args_is_help=True)
group.command("list")(list_groups)
group.command()(show)
group.command("members")(list_members)

_OFFER = "p2pnode/offer/1"
_DRAFT = "p2pnode/founding/1"

Template = Annotated[str, typer.Option(metavar="NAME", help="The charter to start from.")]


@group.command()
def found(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new group's name.")],
    template: Template = "circle",
    charter: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A charter of your own, as TOML."),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="FILE", help="Another founder's offer; repeatable."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Where the draft goes, with --with.")
    ] = None,
    my_name: MyName = "",
) -> None:
    """Found a group, alone or with others.

    With others, each of them makes an offer first (`p2pnode group offer`). The draft is passed on until all
    have signed it (`p2pnode group sign`); then you found the group with it (`p2pnode group open`).

    \b
    Examples:
      p2pnode group found "Repair café" --my-name Alice
      p2pnode group found orchard --charter our-charter.toml
      p2pnode group found orchard --with bob.offer --with carol.offer -o orchard.founding
    """
    invocation = invocation_of(context)
    text = None if charter is None else read_text(Path(charter).expanduser())
    body: dict[str, Any] = {"name": name, "template": template, "my_name": my_name, "charter": text}
    if not others:
        invocation.answer(invocation.client.post("/groups", body), _show_founded)
        return
    offers = [_read(file, _OFFER, "p2pnode group offer") for file in others]
    draft = invocation.client.post("/foundings/draft", {**body, "offers": offers})
    path = Path(output or f"{name}.founding").expanduser()
    _write(path, draft)
    invocation.answer(
        {"path": str(path), "founders": 1 + len(offers)},
        lambda answer: say(
            f"The draft is in {answer['path']}, signed by you. Pass it on.",
            f"Each of the others runs: p2pnode group sign {shlex.quote(path.name)}",
            f"When all have signed, you run: p2pnode group open {shlex.quote(path.name)}",
        ),
    )


def _show_founded(answer: dict[str, Any]) -> None:
    summary = answer["summary"]
    say(
        f"Founded {summary['name']}, group {short(summary['id'])}.",
        f"Invite somebody: p2pnode invite {shlex.quote(summary['name'])}",
    )


@group.command()
def offer(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A new file, such as bob.offer.")],
    my_name: MyName = "",
) -> None:
    """Offer to found a group with others: hand the file to whoever writes the draft."""
    invocation = invocation_of(context)
    path = Path(file).expanduser()
    _write(path, invocation.client.post("/foundings/offer", {"my_name": my_name}))
    invocation.answer(
        {"path": str(path)},
        lambda answer: say(
            f"Your offer is in {answer['path']}. Whoever writes the draft runs:",
            f"  p2pnode group found NAME --with {shlex.quote(path.name)}",
        ),
    )


@group.command()
def sign(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A draft of a founding.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Sign the draft of a group that you found with others; it shows what you sign."""
    invocation = invocation_of(context)
    draft = _read(file, _DRAFT, "p2pnode group found NAME --with FILE")
    terms = invocation.client.post("/foundings/read", {"draft": draft})
    if not invocation.as_json:
        _show_terms(terms)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "founding.unconfirmed", "Nobody can be asked here.", "Add --yes to sign without a question."
            )
        typer.confirm("Sign this?", abort=True)
    signed = invocation.client.post("/foundings/sign", {"draft": draft})
    _write(Path(file).expanduser(), signed)
    after = invocation.client.post("/foundings/read", {"draft": signed})
    invocation.answer(after, _show_signed)


def _show_terms(terms: dict[str, Any]) -> None:
    say(f"{terms['name']}, founded by {', '.join(terms['founders'])}, who all vote.")
    show_terms(terms)


def _show_signed(terms: dict[str, Any]) -> None:
    if terms["missing"]:
        say(f"Signed. Still missing: {', '.join(terms['missing'])}. Pass the file on.")
    else:
        say("Signed. All have signed: send the file to its author, who founds the group with it.")


@group.command()
def convene(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or start of the id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Agree to a second convocation: those who are here decide without the silent voters.

    The silent ones rest until they say that they are back (`p2pnode voter return`).
    """
    invocation = invocation_of(context)
    waiting = invocation.client.get("/waiting", group=name)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "convocation.unconfirmed", "Nobody can be asked here.", "Add --yes to agree all the same."
            )
        typer.confirm(f"Decide without {', '.join(waiting['silent']) or 'the silent voters'}?", abort=True)
    after = invocation.client.post("/convocations", {"group": name})
    invocation.answer(
        after, lambda answer: say(f"Agreed. The next block waits for {answer['sentence'] or 'nothing'}.")
    )


@group.command("open")
def open_group(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="The signed draft, or copies of it."),
    ],
) -> None:
    """Open a group that you found with others, once all have signed the draft.

    The author of the draft goes first, and then sends the same file to the others, who open it too.
    """
    invocation = invocation_of(context)
    drafts = [_read(file, _DRAFT, "p2pnode group found NAME --with FILE") for file in files]
    opened = invocation.client.post("/foundings/open", {"drafts": drafts})
    _write(Path(files[0]).expanduser(), opened)
    terms = invocation.client.post("/foundings/read", {"draft": opened})
    invocation.answer(
        terms,
        lambda answer: say(
            f"{answer['name']} is open here, group {short(answer['group'])}.",
            f"The other founders run: p2pnode group open {shlex.quote(Path(files[0]).name)}",
        ),
    )


def _read(file: str, format_: str, made_by: str) -> dict[str, Any]:
    """A file that other founders hand on. Errors: UsageError founding.bad_file."""
    try:
        document = json.loads(read_text(Path(file).expanduser()))
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != format_:
        raise UsageError("founding.bad_file", f"{file} is not such a file.", f"It is made by `{made_by}`.")
    return document


def _write(path: Path, document: dict[str, Any]) -> None:
    write_bytes(path, (json.dumps(document, indent=1) + "\n").encode("utf-8"))

"""`p2pnode statement`: what was given and received, printed for a meeting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import date_ms
from p2pnode.commands.files import write_bytes
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import counted, say
from p2pnode.core.errors import UsageError
from p2pnode.local.account_shapes import Account


def statement(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.html|FILE.pdf", help="What to write.")],
    who: Annotated[
        str | None, typer.Argument(metavar="WHO", help="A member, or `me`; the whole group if left out.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Only what was done since then.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Only what was done before that day.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Print what was given and received, agreements and shares, each with its proof, as HTML or PDF.

    Each line says how far it is, signed, acknowledged, final or void, and how a stranger checks it.

    \b
    Examples:
      p2pnode statement ours.pdf
      p2pnode statement mine.html me --from 2026-01-01 --to 2026-07-01
    """
    path = Path(file).expanduser()
    if path.suffix not in (".html", ".pdf"):
        raise UsageError("statement.bad_name", f"{file} is neither HTML nor PDF.", "End it in .html or .pdf.")
    invocation = invocation_of(context)
    body = {
        "group": invocation.group(group),
        "who": who,
        "from_ms": None if since is None else date_ms(since),
        "to_ms": None if until is None else date_ms(until),
    }
    account: Account = invocation.client.post("/account", body, timeout_s=None)
    data = _printed(account, path.suffix)
    write_bytes(path, data)
    lines = sum(len(section["lines"]) for section in account["sections"])
    answer: dict[str, Any] = {"path": str(path), "bytes": len(data), "lines": lines, "account": account}
    invocation.answer(answer, lambda done: say(f"{counted(done['lines'], 'line')} in {done['path']}."))
    if account["is_cut"] and not invocation.as_json:
        say("There is more than fits; choose a shorter period with --from and --to.")


def _printed(account: Account, ending: str) -> bytes:
    if ending == ".pdf":
        from p2pnode.exporters.account_pdf import account_pdf

        return account_pdf(account)
    from p2pnode.exporters.account_html import account_html

    return account_html(account).encode("utf-8")

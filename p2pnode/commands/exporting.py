"""`p2pnode export`: what the group knows, in formats that others read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p2pnode.commands.files import OutputFile, write_bytes
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import counted, say
from p2pnode.core.errors import UsageError

if TYPE_CHECKING:
    from p2pnode.exporters.table import Table

exporting = typer.Typer(help="Write what the group knows in formats that others read.", no_args_is_help=True)


@exporting.callback()
def root() -> None:
    """Write what the group knows in formats that others read."""


@exporting.command()
def valueflows(
    context: typer.Context,
    output: OutputFile = None,
    readings: Annotated[
        bool, typer.Option("--readings", help="Each reading of a meter; else a sum for up to 500.")
    ] = False,
    group: GroupOption = None,
) -> None:
    """Write everything about giving and taking as JSON-LD in the words of ValueFlows.

    The document holds the names of people as this node knows them.

    \b
    Examples:
      p2pnode export valueflows -o bakery.jsonld
      p2pnode export valueflows --readings -o village.jsonld
      p2pnode export valueflows | less
    """
    invocation = invocation_of(context)
    document = invocation.client.get(
        "/economy/export", group=invocation.group(group), readings="true" if readings else None
    )
    _write_one(invocation, output, document["text"].encode("utf-8"), {})


Folder = Annotated[str, typer.Option("-o", "--output", metavar="FOLDER", help="Where the files go.")]


def _tables(invocation: Invocation, group: str | None, names: Sequence[str]) -> list[Table]:
    from p2pnode.exporters.table import read_tables

    word = invocation.group(group)
    return read_tables(
        lambda name, after: invocation.client.get("/export", group=word, table=name, after=after), names
    )


@exporting.command()
def csv(context: typer.Context, output: Folder, group: GroupOption = None) -> None:
    """Write everything about giving and taking as CSV: one file for each kind, with columns that stay.

    Every row says whether it is final or provisional. Texts that a spreadsheet might take for a formula begin
    with an apostrophe.

    \b
    Example:
      p2pnode export csv -o bakery
    """
    from p2pnode.exporters.table import write_csv

    _write_folder(context, output, group, "csv", write_csv)


@exporting.command()
def parquet(context: typer.Context, output: Folder, group: GroupOption = None) -> None:
    """Write everything about giving and taking as Parquet, with exact decimals.

    \b
    Example:
      p2pnode export parquet -o bakery
    """
    from p2pnode.exporters.table import write_parquet

    _write_folder(context, output, group, "parquet", write_parquet)


def _write_folder(
    context: typer.Context,
    output: str,
    group: str | None,
    ending: str,
    write: Callable[[Table, Path], None],
) -> None:
    from p2pnode.exporters.table import NAMES

    invocation = invocation_of(context)
    tables = _tables(invocation, group, NAMES)
    folder = Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            write(table, folder / f"{table.name}.{ending}")
    except OSError as error:
        raise UsageError(
            "file.not_written", f"{folder}: {error.strerror}.", "Name another folder."
        ) from error
    answer = {
        "path": str(folder),
        "height": tables[0].height,
        "rows": {table.name: len(table.rows) for table in tables},
        "provisional": sum(row[-1] != "final" for table in tables for row in table.rows),
    }
    invocation.answer(answer, _show_folder)


def _show_folder(answer: dict[str, Any]) -> None:
    rows = sum(answer["rows"].values())
    say(f"Written to {answer['path']}: {counted(rows, 'row')} in {len(answer['rows'])} files.")
    _show_provisional(answer)


def _show_provisional(answer: dict[str, Any]) -> None:
    if answer.get("provisional"):
        say(f"{answer['provisional']:,} of them are provisional: no block has ordered them yet.")


@exporting.command()
def hledger(context: typer.Context, output: OutputFile = None, group: GroupOption = None) -> None:
    """Write what was given and taken as a journal for hledger; each unit is a commodity.

    \b
    Example:
      p2pnode export hledger -o bakery.journal && hledger -f bakery.journal balance
    """
    _write_journal(context, output, group, "hledger")


@exporting.command()
def beancount(context: typer.Context, output: OutputFile = None, group: GroupOption = None) -> None:
    """Write what was given and taken as a file for beancount; each unit is a commodity.

    \b
    Example:
      p2pnode export beancount -o bakery.beancount && bean-check bakery.beancount
    """
    _write_journal(context, output, group, "beancount")


def _write_journal(context: typer.Context, output: str | None, group: str | None, dialect: str) -> None:
    from p2pnode.exporters.journal import write_journal

    invocation = invocation_of(context)
    agents, events, readings = _tables(invocation, group, ("agents", "events", "readings"))
    provisional = sum(row["finality"] != "final" for row in events.dicts() if row["counted_amount"])
    text = write_journal(agents, events, readings, dialect)
    _write_one(invocation, output, text.encode("utf-8"), {"provisional": provisional})


@exporting.command()
def calendar(context: typer.Context, output: OutputFile = None, group: GroupOption = None) -> None:
    """Write deliveries and bookings as an iCalendar: agreed ones in their rhythm, promises with a date.

    Import it again later: dates change, and none is doubled.

    \b
    Example:
      p2pnode export calendar -o bakery.ics
    """
    from p2pnode.exporters.calendar import write_calendar

    invocation = invocation_of(context)
    names = ("agents", "clauses", "commitments", "bookings")
    agents, clauses, commitments, bookings = _tables(invocation, group, names)
    data = write_calendar(agents, clauses, commitments, bookings, clauses.time_ms)
    _write_one(invocation, output, data, {})


@exporting.command()
def bundle(
    context: typer.Context,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Write into a file.")],
    who: Annotated[
        str | None, typer.Option("--of", metavar="MEMBER", help="Only records that name a member.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Write final records with their signed entries and proofs; a stranger verifies them without a network.

    \b
    Examples:
      p2pnode export bundle --of me -o mine.bundle
      p2pnode proof verify mine.bundle --trusted GROUP_ID
    """
    invocation = invocation_of(context)
    found = invocation.client.get("/export/bundle", group=invocation.group(group), who=who)
    path = Path(output).expanduser()
    write_bytes(path, bytes.fromhex(found["bundle_hex"]))
    answer = {"path": str(path), "records": found["records"], "height": found["height"]}
    invocation.answer(
        answer,
        lambda answer: say(
            f"Written to {answer['path']}: {counted(answer['records'], 'record')}. "
            "Anybody can check it: p2pnode proof verify FILE"
        ),
    )


def _write_one(invocation: Invocation, output: str | None, data: bytes, answer: dict[str, Any]) -> None:
    if output is None:
        print(data.decode("utf-8"), end="")
        return
    path = Path(output).expanduser()
    write_bytes(path, data)
    invocation.answer({"path": str(path), **answer}, _show_file)


def _show_file(answer: dict[str, Any]) -> None:
    say(f"Written to {answer['path']}.")
    _show_provisional(answer)


@exporting.command()
def distribution(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The start of its id, or its title.")],
    output: OutputFile = None,
    group: GroupOption = None,
) -> None:
    """Write a run with every signed entry behind it; `p2pnode recompute` computes it again from that alone.

    \b
    Examples:
      p2pnode export distribution 7ebfd984 > third-quarter.json
      p2pnode recompute third-quarter.json
    """
    invocation = invocation_of(context)
    request = {"group": invocation.group(group), "run": run}
    document = invocation.client.post("/distribution/export", request, timeout_s=None)
    _write_one(invocation, output, document["text"].encode("utf-8"), {})

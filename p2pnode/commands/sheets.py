"""`p2pnode import sheet` and `p2pnode import meters`: what people keep in CSV, as signed records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p2pnode.commands.ahead import Ahead
from p2pnode.commands.files import read_text
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import EXIT_NO, counted, progress, say, sentence

if TYPE_CHECKING:
    from p2pnode.importers.timesheet import Refused, TimeRow

LINES_AT_ONCE = 500
SHOWN_MAX = 10
REFUSED_MAX = 1000
_TIMEOUT_S = 600.0

Sheet = Annotated[str, typer.Argument(metavar="FILE", help="A sheet in CSV.")]
MappingFile = Annotated[
    str, typer.Option("--map", metavar="FILE", help="Which column means what, in TOML.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be recorded, and record nothing.")]


def sheet(
    context: typer.Context,
    file: Sheet,
    mapping: MappingFile,
    dry_run: DryRun = False,
    mine: Annotated[bool, typer.Option("--mine", help="Only the lines about you.")] = False,
    group: GroupOption = None,
) -> None:
    """Record a time sheet: who worked when, how long, on what.

    Each line is recorded once, however often and by whomever the sheet is imported. Lines about others wait
    for their signature. The mapping says which column is what:

    \b
      [sheet]                        # all of it may be left out
      delimiter = ";"
      decimal = ","                  # 1.234,5 hours
      dates = "day.month.year"       # or iso, day/month/year, month/day/year
      encoding = "windows-1252"
      zone = "Europe/Berlin"
    \b
      [columns]                      # meaning = heading in the sheet
      who = "Name"
      date = "Datum"
      hours = "Stunden"
      what = "Tätigkeit"             # may be left out, as all below
      project = "Projekt"
      stream = "Bereich"
      note = "Bemerkung"             # personal: kept beside the log, erasable
    \b
      [defaults]                     # where there is no column, or an empty cell
      stream = "commons"
    \b
      [words.stream]                 # what a cell stands for
      Pflege = "care"
    \b
    Examples:
      p2pnode import sheet hours.csv --map hours.toml --dry-run
      p2pnode import sheet hours.csv --map hours.toml --mine
    """
    from p2pnode.importers.mapping import TIME_SHEET_COLUMNS, check_headings, read_mapping
    from p2pnode.importers.sheet import opened_sheet
    from p2pnode.importers.timesheet import REQUIRED, read_time_sheet

    invocation = invocation_of(context)
    found = read_mapping(read_text(Path(mapping).expanduser()), TIME_SHEET_COLUMNS, REQUIRED, {})
    result = _SheetImport(invocation, invocation.group(group), found.source, dry_run=dry_run, mine=mine)
    with opened_sheet(Path(file).expanduser(), found.form) as (headings, rows):
        check_headings(found, headings)
        result.take(read_time_sheet(rows, found))
    result.answer["refusals"].sort(key=lambda one: one["line"])
    invocation.answer(result.answer, _show_sheet)
    if result.answer["refused"]:
        raise typer.Exit(EXIT_NO)


class _SheetImport:
    """A sheet on its way to the node, in requests of bounded size. One owner."""

    def __init__(self, invocation: Invocation, group: str, source: str, *, dry_run: bool, mine: bool) -> None:
        self._invocation = invocation
        self._group = group
        self._source = source
        self._mine = mine
        self._waiting = 0
        self.answer: dict[str, Any] = {
            "dry_run": dry_run,
            "recorded": 0,
            "known": 0,
            "waiting": 0,
            "others": 0,
            "refused": 0,
            "entries": 0,
            "first": [],
            "refusals": [],
        }

    def take(self, rows: Iterable[TimeRow | Refused]) -> None:
        """Record all rows. Errors: UsageError and what else the node answers."""
        from p2pnode.importers.timesheet import Refused

        rows = iter(rows)
        with progress("import", None, quiet=self._invocation.as_json) as bar, Ahead() as ahead:
            while part := list(islice(rows, LINES_AT_ONCE)):
                # What a part says depends on how many lines of those before it wait.
                ahead.settle()
                for row in part:
                    if isinstance(row, Refused):
                        self._refuse(asdict(row))
                lines = [asdict(row) for row in part if not isinstance(row, Refused)]
                if lines:
                    ahead.ask(partial(self._send, lines, self._waiting), self._count)
                bar.advance(len(part))

    def _send(self, lines: list[dict[str, Any]], waiting: int) -> Any:
        body = {
            "group": self._group,
            "source": self._source,
            "lines": lines,
            "waiting": waiting,
            "dry_run": self.answer["dry_run"],
            "mine": self._mine,
        }
        return self._invocation.client.post("/lines", body, timeout_s=_TIMEOUT_S)

    def _count(self, done: dict[str, Any]) -> None:
        answer = self.answer
        answer["entries"] += done["entries"]
        for one in done["outcomes"]:
            if one["state"] == "refused":
                self._refuse(one)
                continue
            answer["others" if one["state"] == "other" else one["state"]] += 1
            if one["state"] == "recorded":
                self._waiting += one["waits"]
                answer["waiting"] += one["waits"]
                if answer["dry_run"] and len(answer["first"]) < SHOWN_MAX:
                    answer["first"].append({name: one[name] for name in ("line", "text", "waits")})

    def _refuse(self, one: dict[str, Any]) -> None:
        self.answer["refused"] += 1
        if len(self.answer["refusals"]) < REFUSED_MAX:
            names = ("line", "rule", "message", "remedy")
            self.answer["refusals"].append({name: one[name] for name in names})


def _show_sheet(answer: dict[str, Any]) -> None:
    for one in answer["first"] if answer["dry_run"] else ():
        say(f"line {one['line']}: {one['text']}{' (waits for a signature)' if one['waits'] else ''}")
    if answer["dry_run"] and answer["recorded"] > len(answer["first"]):
        say(f"... and {counted(answer['recorded'] - len(answer['first']), 'line')} more.")
    show_refusals(answer)
    verb = "Would record" if answer["dry_run"] else "Recorded"
    parts = [f"{verb} {counted(answer['recorded'], 'line')}"]
    parts += [f"{answer['known']:,} known already"] if answer["known"] else []
    parts += [f"{answer['others']:,} about others left out"] if answer["others"] else []
    parts += [f"{answer['refused']:,} refused"] if answer["refused"] else []
    say(", ".join(parts) + ".")
    if answer["waiting"]:
        say(
            f"{counted(answer['waiting'], 'line')} about others: they count once signed, with `p2pnode sign`."
        )


def show_refusals(answer: dict[str, Any]) -> None:
    """Print every line that was not recorded, with its rule and what to do."""
    for one in answer["refusals"]:
        say(
            f"line {one['line']}: {sentence(one['message'])} ({one['rule']})",
            f"  What to do: {sentence(one['remedy'])}",
        )
    left = answer["refused"] - len(answer["refusals"])
    if left:
        say(f"... and {counted(left, 'line')} more.")


def meters(
    context: typer.Context,
    file: Sheet,
    mapping: MappingFile,
    dry_run: DryRun = False,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Readings that are missing are lost: go on behind them.")
    ] = False,
    group: GroupOption = None,
) -> None:
    """Record readings of meters: how much was produced or consumed in each interval.

    What was read before is left out, so importing again is safe. A missing reading stops its meter until it
    is there, or is said to be lost. Install each meter first: `p2pnode meter install`.

    \b
      time_is = "end"                # of the interval, or "begin"
      counter = true                 # the amounts are what a counter shows; left out: what flowed
      resets = true                  # the counter was changed, or began again
    \b
      [columns]
      time = "Zeit"
      meter = "Zähler"               # without it and amount: one column a meter, named below
      amount = "kWh"
    \b
      [meters]                       # name in the sheet = name here, where they differ
      "DE000123" = "house 7"
    \b
    [sheet] is as for time sheets: p2pnode import sheet --help.
    \b
    Examples:
      p2pnode import meters march.csv --map meters.toml --dry-run
      p2pnode import meters march.csv --map meters.toml --gaps
    """
    from p2pnode.importers.mapping import METER_COLUMNS, check_headings, read_mapping
    from p2pnode.importers.meters import OPTIONS, KnownMeter, MeterSheet
    from p2pnode.importers.sheet import opened_sheet
    from p2pnode.importers.timesheet import Refused

    invocation = invocation_of(context)
    group_word = invocation.group(group)
    found = read_mapping(read_text(Path(mapping).expanduser()), METER_COLUMNS, ("time",), OPTIONS)
    held = invocation.client.get("/economy", group=group_word, about="meters")
    names = ("id", "name", "decimals", "every_ms", "last_ms")
    known = {
        one["name"]: KnownMeter(**{name: one[name] for name in names})
        for one in held
        if one["status"] == "open" and one["is_mine"]
    }
    reading = MeterSheet(found, known, skip_gaps=gaps)
    answer: dict[str, Any] = {"dry_run": dry_run, "recorded": 0, "entries": 0, "refused": 0, "refusals": []}
    with (
        opened_sheet(Path(file).expanduser(), found.form) as (headings, rows),
        progress("import", None, quiet=invocation.as_json) as bar,
        Ahead() as ahead,
    ):
        check_headings(found, headings)
        for one in reading.read(rows):
            if isinstance(one, Refused):
                answer["refused"] += 1
                if len(answer["refusals"]) < REFUSED_MAX:
                    answer["refusals"].append(asdict(one))
                continue
            answer["recorded"] += len(one.readings)
            bar.advance(len(one.readings))
            if not dry_run:
                body = {
                    "group": group_word,
                    "meter": one.meter.id,
                    "readings": one.readings,
                    "after_gap": one.after_gap,
                }
                post = partial(invocation.client.post, "/meters/readings", body, timeout_s=_TIMEOUT_S)
                ahead.ask(post, partial(_count_entries, answer))
    answer |= {"known": reading.known, "behind": reading.behind}
    invocation.answer(answer, _show_meters)
    if answer["refused"]:
        raise typer.Exit(EXIT_NO)


def _count_entries(answer: dict[str, Any], done: dict[str, Any]) -> None:
    answer["entries"] += done["entries"]


def _show_meters(answer: dict[str, Any]) -> None:
    show_refusals(answer)
    verb = "Would record" if answer["dry_run"] else "Recorded"
    parts = [f"{verb} {counted(answer['recorded'], 'reading')}"]
    parts += [f"{answer['known']:,} known already"] if answer["known"] else []
    parts += [f"{counted(answer['behind'], 'reading')} behind a gap left out"] if answer["behind"] else []
    say(", ".join(parts) + ".")

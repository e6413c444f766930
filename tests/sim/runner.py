"""The command `scripts/sim`: play seeds and cases, report, and keep what fails."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.sim.ledger import Ledger, summary
from tests.sim.part_time import report
from tests.sim.plans import plan
from tests.sim.shrinking import outcome_rule, read_case, shrunk, write_case
from tests.sim.world import Case, Outcome, play
from tests.sim.year import play_year

NIGHTLY_SEEDS = 10_000
CASES = Path(__file__).parent / "cases"
_TWINS = " --twins"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when nothing was found, 1 when something was."""
    parser = argparse.ArgumentParser(
        prog="scripts/sim",
        description="Plays whole networks of nodes in one thread and virtual time, with faults and"
        " liars. The same seed gives the same events.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, metavar="N", help="play one seed")
    what.add_argument("--seeds", type=_range, metavar="A:B", help="play the seeds from A up to B, without B")
    what.add_argument("--nightly", action="store_true", help="play 10,000 seeds and keep what fails")
    what.add_argument(
        "--part-time", type=int, metavar="N", help="measure groups of part-time members with N seeds each"
    )
    what.add_argument(
        "--year",
        type=int,
        metavar="SEED",
        help="play a year of part-time members, which takes long",
    )
    what.add_argument("--case", type=Path, metavar="FILE", help="play a case that was kept")
    what.add_argument(
        "--summary", type=Path, nargs="+", metavar="LOG", help="sum up logs of the present code"
    )
    parser.add_argument("--twins", action="store_true", help="let a founder run twice in every seed")
    parser.add_argument(
        "--shard", type=_share, default=(0, 1), metavar="I/N", help="play one of N shares, the first is 1/N"
    )
    parser.add_argument(
        "--log",
        type=Path,
        metavar="LOG",
        help="write each outcome down; what this code has played is not again",
    )
    parser.add_argument("--days", type=int, default=365, help="for --year: how long it is (default 365)")
    parser.add_argument("--json", action="store_true", help="print one object for each seed")
    parser.add_argument("--verbose", action="store_true", help="print every event")
    parser.add_argument("--keep", action="store_true", help="shrink what fails into tests/sim/cases")
    options = parser.parse_args(arguments)
    if options.part_time is not None:
        report(options.part_time)
        return 0
    if options.summary is not None:
        print(summary(options.summary))
        return 0
    if options.year is not None:
        year = play_year(options.year, options.days)
        print(f"{year}\n{year.outcome.detail}".strip())
        return 1 if year.outcome.rule else 0
    if options.nightly:
        options.seeds, options.keep = range(NIGHTLY_SEEDS), True
    return _play_all(options)


def _play_all(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    ledger = None if options.log is None else Ledger(options.log)
    failures = count = 0
    for name, case in _cases(options):
        if ledger is not None and ledger.has(name):
            continue
        case_begun = time.monotonic()
        outcome = _play(case, is_verbose=options.verbose)
        count += 1
        failures += bool(outcome.rule)
        if ledger is not None:
            ledger.note(name, outcome, time.monotonic() - case_begun)
        if options.json:
            print(json.dumps({"case": name, **asdict(outcome)}))
        elif outcome.rule or options.seeds is None:
            _tell(name, outcome)
        if outcome.rule and options.keep:
            print(f"kept as {_keep(name, case, outcome)}", file=sys.stderr)
    if options.seeds is not None:
        seconds = time.monotonic() - begun
        print(f"{count} seeds, {failures} failed, {seconds:.1f} s", file=sys.stderr)
    if options.log is not None:
        print(summary([options.log]), file=sys.stderr)
    return 1 if failures else 0


def _cases(options: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    if options.case is not None:
        yield str(options.case), read_case(options.case)
        return
    index, shares = options.shard
    for seed in [options.seed] if options.seeds is None else options.seeds[index::shares]:
        yield f"{seed}{_TWINS if options.twins else ''}", plan(seed, has_twins=options.twins)


def _play(case: Case, *, is_verbose: bool) -> Outcome:
    try:
        return play(case, tell=print if is_verbose else None)
    except Exception as error:
        if is_verbose:
            raise
        return Outcome("", outcome_rule(case, play), repr(error))


def _tell(name: str, outcome: Outcome) -> None:
    what = f"{outcome.rule}: {outcome.detail}" if outcome.rule else "nothing found"
    print(f"{name}: {what}; {outcome.entries} entries, {outcome.events} events, digest {outcome.digest}")
    if outcome.rule:
        how = f"--seed {name}" if name.removesuffix(_TWINS).isdigit() else f"--case {name}"
        print(f"replay: scripts/sim {how} --verbose")


def _keep(name: str, case: Case, outcome: Outcome) -> Path:
    path = CASES / f"{outcome.rule.replace('.', '_')}_{Path(name).stem.replace(_TWINS, '_twins')}.json"
    write_case(shrunk(case, outcome.rule), path)
    return path


def _share(text: str) -> tuple[int, int]:
    """Which share to play, from 0 on, and of how many."""
    first, _, count = text.partition("/")
    try:
        index, shares = int(first) - 1, int(count)
    except ValueError:
        index, shares = -1, 0
    if not 0 <= index < shares:
        raise argparse.ArgumentTypeError("a share and how many there are, such as 1/4 to 4/4")
    return index, shares


def _range(text: str) -> range:
    first, _, last = text.partition(":")
    try:
        return range(int(first), int(last))
    except ValueError as error:
        raise argparse.ArgumentTypeError("two numbers with a colon between them, such as 0:200") from error


if __name__ == "__main__":
    sys.exit(main())

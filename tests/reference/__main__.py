"""Prints what the exhaustive model of the vote rules finds, or how long part-time members wait."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from tests.reference.model import Finding, Model
from tests.reference.mutants import LONG_MUTANTS, MUTANTS, explore_broken
from tests.reference.part_time import figures
from tests.reference.settings import BEYOND, LONG, QUICK


def _findings(*, with_long: bool) -> Iterator[tuple[str, Finding, str | None]]:
    """Give what is explored, what was found, and which fault should have been."""
    settings = [(setting, None) for setting in QUICK] + (list(LONG) if with_long else [])
    for setting, states_max in settings:
        yield setting.name, Model(setting).explore(states_max), None
    for setting in BEYOND:
        yield f"{setting.name}, one liar too many", Model(setting).hunt(), "fork"
    for mutant in MUTANTS + (LONG_MUTANTS if with_long else ()):
        yield f"{mutant.setting.name}, broken: {mutant.name}", explore_broken(mutant), mutant.fault


def main() -> int:
    """Explore, and say at the end whether everything was as it should be."""
    parser = argparse.ArgumentParser(prog="scripts/model", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also what takes minutes: more views, more voters")
    parser.add_argument("--part-time", action="store_true", help="only how long part-time members wait")
    parser.add_argument("--seeds", type=int, default=40, help="runs for each kind of part-time group")
    arguments = parser.parse_args()
    if arguments.part_time:
        for waiting in figures(arguments.seeds):
            print(
                f"{waiting.name}: median {waiting.median_hours:.1f} h, p95 {waiting.p95_hours:.1f} h, "
                f"{waiting.entries_per_decision:.1f} entries a decision, {waiting.undecided} undecided",
                flush=True,
            )
        return 0
    wrong = 0
    for name, finding, expected in _findings(with_long=arguments.all):
        as_expected = finding.fault == expected
        wrong += not as_expected
        found = finding.fault or ("safe" if finding.is_complete else "safe so far")
        mark = "" if as_expected else "   WRONG"
        print(f"{found:12} {finding.states:>10,} states {finding.seconds:7.1f} s   {name}{mark}", flush=True)
    print("as it should be" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

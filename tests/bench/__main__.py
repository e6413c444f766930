"""The command behind `scripts/bench`."""

import argparse
import sys

from tests.bench.all_figures import MEASURES
from tests.bench.figures import Options, as_json, as_table


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure figures: medians of several runs, beside a plain baseline.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="w1 to w5, c1 to c5, e1, e2, m1, n1, or all")
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--entries", type=int, default=100_000, help="for w2, w3, w5 (100000)")
    parser.add_argument("--idle", type=float, default=60.0, metavar="S", help="seconds of idleness")
    parser.add_argument("--quick", action="store_true", help="as small as it gets: shows only that it works")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in MEASURES]
    if unknown:
        parser.error(f"there is no figure {unknown[0]}; there are {', '.join(MEASURES)}")
    options = Options(chosen.runs, chosen.entries, chosen.idle, chosen.quick)
    for name in chosen.names or MEASURES:
        figures = MEASURES[name](options)
        print(as_json(figures) if chosen.json else as_table(figures) + "\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

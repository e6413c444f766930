"""Feeds mutated golden vectors to one decoder, or to all of them in turn.

A decoder may accept or refuse with a rule id; anything else is a fault, and its input is printed.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from random import Random

from tests.fuzz.corpus import corpus_of
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, refusal


def fuzz(name: str, seconds: float, seed: str) -> bool:
    corpus, random = corpus_of(name), Random(f"{name} {seed}")
    rules: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(random, corpus)
        try:
            rules[refusal(TARGETS[name], data) or "accepted"] += 1
        except Exception:  # noqa: BLE001 - the point of fuzzing is to show whatever comes
            traceback.print_exc()
            print(f"{name}: seed {seed}, trial {rules.total()}, input {data.hex()}")
            return False
    print(f"{name}: {rules.total()} trials, {', '.join(f'{rule} {n}' for rule, n in rules.most_common())}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument(
        "target", choices=["all", *TARGETS], metavar="TARGET", help="all, " + ", ".join(TARGETS)
    )
    parser.add_argument("--seconds", type=float, default=10, help="for each target (default 10)")
    parser.add_argument("--seed", default="0", help="the same seed gives the same trials")
    options = parser.parse_args()
    names = list(TARGETS) if options.target == "all" else [options.target]
    results = [fuzz(name, options.seconds, options.seed) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

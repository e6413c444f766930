"""What was played: a file with one line for each seed, so that a long run goes on where it stopped.

A line counts as long as the program and the simulator are the same: it names a hash of both. Several runs
with a share of the seeds each write a file each, and are summed up together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.sim.world import Outcome

_ROOT = Path(__file__).parents[2]
_SOURCES = ("p2pnode", "protocols", "tests/sim")
_TOLD_MAX = 20


def code_hash() -> str:
    """A name of the code that is played: it changes with every line of it."""
    found = sha256()
    for folder in _SOURCES:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            found.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


class Ledger:
    """One file of outcomes; what was written with other code is left as it is and counts for nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code = code_hash()
        self._played = {line["case"] for line in _lines([path], self._code)}
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            self._append("")  # the machine stopped while a line was written

    def has(self, name: str) -> bool:
        """Whether a case was played by this code."""
        return name in self._played

    def note(self, name: str, outcome: Outcome, seconds: float) -> None:
        """Write down what came of a case, at once."""
        self._played.add(name)
        line = {
            "code": self._code,
            "case": name,
            "rule": outcome.rule,
            "detail": outcome.detail[:200],
            "digest": outcome.digest,
            "seconds": round(seconds, 3),
        }
        self._append(json.dumps(line))

    def _append(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def summary(paths: Iterable[Path]) -> str:
    """What files say of the present code: how many seeds were played, what failed, how long it took."""
    code = code_hash()
    lines = {line["case"]: line for line in _lines(paths, code)}
    failed = [line for line in lines.values() if line["rule"]]
    seconds = sum(line["seconds"] for line in lines.values())
    rules = Counter(line["rule"] for line in failed)
    told = [
        f"code {code}: {len(lines)} seeds, {len(lines) - len(failed)} clean, {len(failed)} failed,"
        f" {seconds:.0f} s, {seconds / max(len(lines), 1):.2f} s a seed"
    ]
    told += [f"  {count} of {rule}" for rule, count in sorted(rules.items())]
    told += [f"  {line['case']}: {line['rule']}" for line in failed[:_TOLD_MAX]]
    return "\n".join(told)


def _lines(paths: Iterable[Path], code: str) -> list[dict[str, object]]:
    """The lines of this code; one that was cut off when the machine stopped is none."""
    found = []
    for path in paths:
        for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line["code"] == code:
                found.append(line)
    return found

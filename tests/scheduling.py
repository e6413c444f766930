"""How the tests are handed to the workers that run side by side: what shares a set-up goes to one of them.

Not here: the order of the tests, which is conftest.py's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling


class Scheduling(LoadScopeScheduling):
    """Gives each test to whoever is free, and a file that has a fixture for the whole module to one worker.

    The marks of `--dist loadgroup` do not reach the workers: xdist 3.8 writes them into a name that pytest 9
    does not read any more. Every worker then makes each such fixture once again.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _shares_its_set_up(self.config.rootpath / file) else nodeid


@cache
def _shares_its_set_up(file: Path) -> bool:
    return 'scope="module"' in file.read_text(encoding="utf-8")

"""What a node keeps of rules that it lacks, so that it knows after a start what its group waits for (J6).

Which rules the next block will follow is learned by making or judging that block. A voter that is started in
a view that others lead does neither for long; its person is to hear the reason all the same.
"""

from __future__ import annotations

from p2pnode.core import codec
from p2pnode.governance.executing import LaterRules, check_rules, check_version
from p2pnode.store.group_file import GroupQueries

_SETTING = "later_rules"


def later_version(queries: GroupQueries, tip_height: int) -> int:
    """The version of the rules by which a group goes on above its tip, 0 if this program knows them, or if
    no block above the tip was looked at."""
    try:
        check_rules(queries.chain)
        noted = queries.setting(_SETTING)
        height, version = codec.decode(noted) if noted else (0, 0)
        if height == tip_height:
            check_version(version)
    except LaterRules as error:
        return error.version
    return 0


def note_of(tip_height: int, version: int) -> tuple[str, bytes]:
    """The setting that keeps the version by which a group goes on above a block: name and value."""
    return _SETTING, codec.encode([tip_height, version])

"""Who orders a group's entries. Until the group votes on blocks, this is the one place that says so.

A governed entry is decided when a voter's entry of lane 0 has it in its causal past.
"""

from __future__ import annotations

from p2pnode.core.ids import DeviceKey
from p2pnode.governance.founding import Founding


def voters(founding: Founding) -> tuple[DeviceKey, ...]:
    """The devices whose word decides: one founder's, the first voter of the terms."""
    return founding.voters[:1]

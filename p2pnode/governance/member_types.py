"""The types of entry by which people come and go, vote and change their keys, with what each does."""

from __future__ import annotations

from collections.abc import Callable

from p2pnode.core.entry_type import EntryType, Execute
from p2pnode.core.ids import Lane
from p2pnode.governance import devices, joining, leaving, recovering, sponsoring, voters
from p2pnode.governance.devices import (
    DEVICE_ADD_TYPE,
    DEVICE_OBJECT_TYPE,
    DEVICE_REVOKE_TYPE,
    KEY_ROTATE_TYPE,
)
from p2pnode.governance.joining import JOIN_TYPE
from p2pnode.governance.leaving import LEAVE_TYPE
from p2pnode.governance.recovering import RECOVER_TYPE
from p2pnode.governance.sponsoring import SPONSOR_TYPE
from p2pnode.governance.voters import AWAY_TYPE, READY_TYPE, RETURN_TYPE, SUSPEND_TYPE

_LOCAL = frozenset({Lane.LOCAL.value})
_Decode = Callable[[bytes], object]


def _governed(name: str, decode: _Decode, execute: Execute) -> EntryType:
    return EntryType(name, _LOCAL, decode, governed=True, execute=execute)


MEMBER_TYPES: tuple[EntryType, ...] = (
    _governed(JOIN_TYPE, joining.decode, joining.execute),
    _governed(LEAVE_TYPE, leaving.decode, leaving.execute),
    _governed(SPONSOR_TYPE, sponsoring.decode, sponsoring.execute),
    _governed(READY_TYPE, voters.decode_ready, voters.execute_ready),
    _governed(AWAY_TYPE, voters.decode_leave, voters.execute_leave),
    _governed(RETURN_TYPE, voters.decode_return, voters.execute_return),
    _governed(SUSPEND_TYPE, voters.decode_suspend, voters.execute_suspend),
    _governed(DEVICE_ADD_TYPE, devices.decode_add, devices.execute_add),
    _governed(DEVICE_REVOKE_TYPE, devices.decode_revoke, devices.execute_revoke),
    _governed(DEVICE_OBJECT_TYPE, devices.decode_object, devices.execute_object),
    _governed(KEY_ROTATE_TYPE, devices.decode_rotate, devices.execute_rotate),
    _governed(RECOVER_TYPE, recovering.decode, recovering.execute),
)

NEWCOMER_TYPES = frozenset({JOIN_TYPE, RECOVER_TYPE})
"""Types with which somebody unknown may begin: who asks to join, and a new device of who lost the others."""

OPEN_TYPES = frozenset({JOIN_TYPE, LEAVE_TYPE, RECOVER_TYPE, DEVICE_REVOKE_TYPE})
"""Types that judge by themselves who may write them: also somebody who is no member, or not yet."""

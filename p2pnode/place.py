"""Where a file lies: which machine, which file system, which inode (J35).

It tells a file that stayed from one that was copied, restored or moved; an attacker can imitate it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import sys
from pathlib import Path
from typing import NamedTuple

_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_MACHINE_ID_BYTES_MAX = 128
_LONG_BYTES = struct.calcsize("l")
_GET_GENERATION = 2 << 30 | _LONG_BYTES << 16 | ord("v") << 8 | 1
"""FS_IOC_GETVERSION of Linux: a freed inode's number is used again at once, but with a new generation."""


class Place(NamedTuple):
    """Where a file lies. Zero and the empty text mean that the system does not tell."""

    machine: str
    device: int
    file_system: int
    inode: int
    generation: int

    @classmethod
    def nowhere(cls) -> Place:
        """The place of a file that is not written yet."""
        return cls("", 0, 0, 0, 0)

    def is_same(self, other: Place) -> bool:
        """Whether a file that was at one of these places and is at the other now has stayed where it was.

        Device numbers of some file systems change when a computer starts, and the identity of some does not
        survive a remount, so one of both has to agree.
        """
        return (
            self.inode == other.inode
            and (self.device == other.device or 0 != self.file_system == other.file_system)
            and _agree(self.generation, other.generation)
            and (self.machine == other.machine or not self.machine or not other.machine)
        )


def place_of(descriptor: int) -> Place:
    """The place of an open file."""
    status = os.fstat(descriptor)
    return Place(
        machine=_machine(),
        device=status.st_dev,
        file_system=os.fstatvfs(descriptor).f_fsid,
        inode=status.st_ino,
        generation=_generation(descriptor),
    )


def _agree(one: int, other: int) -> bool:
    return one == other or not one or not other


def _machine() -> str:
    """A hash of the machine id, which should not leave the machine itself; empty where there is none.

    A host name or a network address would be no substitute: both change under a machine that stays the same.
    """
    for path in _MACHINE_ID_FILES:
        try:
            with path.open("rb") as file:
                machine_id = file.read(_MACHINE_ID_BYTES_MAX).strip()
        except OSError:
            continue  # systems without it, and sandboxes that hide it
        if len(machine_id) == 32:
            return hashlib.sha256(b"p2pnode/machine\0" + machine_id).hexdigest()
    return ""


def _generation(descriptor: int) -> int:
    answer = bytearray(_LONG_BYTES)
    try:
        fcntl.ioctl(descriptor, _GET_GENERATION, answer)
    except OSError:
        return 0  # other systems, and file systems without generations
    return int.from_bytes(answer[:4], sys.byteorder)

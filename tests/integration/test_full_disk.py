"""A disk that fills up: the node stops by itself, says why, and loses nothing that it acknowledged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.core.errors import NodeError, StoreError
from tests.integration.conftest import Make
from tests.integration.nodes import eventually

_DISK_BYTES = 8 * 1024 * 1024
_STORE_REFUSES = 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "p2pnode-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_stops_the_node_and_loses_nothing(make: Make, small_disk: Path) -> None:
    alice = make("alice", home=small_disk / "alice").start()
    group = alice.found("orchard")
    acknowledged = [alice.contribute(group, "before")]
    filler = small_disk / "filler"
    free = os.statvfs(small_disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 256 * 1024))
    with pytest.raises(NodeError) as caught:
        while True:
            acknowledged.append(alice.contribute(group, "pruning", note="x" * 8000))
    assert isinstance(caught.value, StoreError), f"{caught.value!r}\n{alice.log_tail()}"
    assert "disk is full" in caught.value.message
    assert caught.value.remedy
    assert alice.wait() == _STORE_REFUSES
    assert "disk is full" in alice.log_tail()
    assert "What to do: Free some space" in alice.log_tail()
    assert "Traceback" not in alice.log_tail()

    filler.unlink()
    alice.start()
    assert set(acknowledged) <= set(alice.entries(group))
    assert alice.verify()["damage"] == []
    assert alice.status()["notices"] == []
    eventually("it writes again", lambda: alice.contribute(group, "after"))

"""The clocks, against other sources of the same time."""

import os
from pathlib import Path

from p2pnode import clock


def test_wall_time_is_that_of_the_file_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.utime(tmp_path / "file")
    assert abs(clock.wall_ms() - (tmp_path / "file").stat().st_mtime_ns // 1_000_000) < 60_000


def test_the_monotonic_clock_never_goes_back() -> None:
    found = [clock.monotonic_ms() for _ in range(1000)]
    assert found == sorted(found)
    assert all(type(moment) is int for moment in found)

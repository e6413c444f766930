"""Members of one name are told apart where several people are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.describing import Describer
from tests.unit.node.council import Council


def test_two_of_one_name_are_told_apart_where_several_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    council = Council(tmp_path, ("alice",))
    log = council["alice"].node.logs[council.group]
    describer = Describer(log.file, log.state, council["alice"].key)
    monkeypatch.setattr(
        describer, "member_name", {b"\1" * 32: "Bob", b"\2" * 32: "Carol", b"\3" * 32: "Bob"}.get
    )
    assert describer.member_names([b"\1" * 32, b"\2" * 32]) == ["Bob", "Carol"]
    told_apart = ["Bob (01010101)", "Carol", "Bob (03030303)"]
    assert describer.member_names([b"\1" * 32, b"\2" * 32, b"\3" * 32]) == told_apart

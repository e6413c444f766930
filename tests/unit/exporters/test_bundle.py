"""Bundles: what a stranger verifies, and what is refused when a byte differs."""

from __future__ import annotations

from p2pnode.bundle import FORMAT, is_bundle
from p2pnode.core import codec


def test_a_bundle_says_what_it_is() -> None:
    assert is_bundle(codec.encode([FORMAT, b"", [], [], [], []]))
    assert not is_bundle(codec.encode([1, [], [], None, None]))
    assert not is_bundle(b"")

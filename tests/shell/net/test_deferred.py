"""What libp2p imports and the node does not use stays out of its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(checkout: Path, code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_node_loads_no_http_client_and_no_terminal_library(checkout: Path) -> None:
    code = """
import sys
import p2pnode.net.host, p2pnode.net.gossip, p2pnode.net.dialer, p2pnode.net.discovery
print([name for name in ("httpx", "requests", "rich", "pygments", "zeroconf") if name in sys.modules])
"""
    assert run(checkout, code) == "[]"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("libp2p.security.tls.autotls.acme", "ACMEClient"),
        ("libp2p.security.tls.autotls.broker", "BrokerClient"),
        ("libp2p.discovery.mdns.mdns", "MDNSDiscovery"),
    ],
)
def test_a_module_that_is_left_out_says_so_when_it_is_used(checkout: Path, module: str, name: str) -> None:
    code = f"""
import p2pnode.net.host
from {module} import {name}
try:
    {name}()
except NotImplementedError as error:
    print(error)
"""
    assert run(checkout, code) == f"p2pnode does not use {module}"

"""What makes the node look at its connections at once: another network address, or waking from sleep."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Callable

import trio

from p2pnode.net.listening import interface_addresses

_log = logging.getLogger("p2pnode.net.wakeups")

# From linux/rtnetlink.h: link state, IPv4 addresses, IPv6 addresses.
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100

_SETTLE_MS = 300
"""One change of network makes a burst of messages; they are one change."""

_POLL_INTERVAL_MS = 15_000
_TICK_MS = 1_000
_SLEPT_MS = 4_000

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""CLOCK_BOOTTIME counts while the machine sleeps; where it is missing a frozen process is still noticed."""


async def watch_addresses(changed: Callable[[], None]) -> None:
    """Call when the machine's network addresses or links change."""
    if sys.platform == "linux":
        try:
            with trio.socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
                await netlink.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
                await _follow(netlink, changed)
        except OSError as error:
            _log.info("no netlink here (%s); addresses are polled", error)
    await _poll(changed)


async def _follow(netlink: trio.socket.SocketType, changed: Callable[[], None]) -> None:
    while True:
        await netlink.recv(65_536)
        with trio.move_on_after(_SETTLE_MS / 1000):
            while True:
                await netlink.recv(65_536)
        changed()


async def _poll(changed: Callable[[], None]) -> None:
    known = set(interface_addresses())
    while True:
        await trio.sleep(_POLL_INTERVAL_MS / 1000)
        now = set(interface_addresses())
        if now != known:
            known = now
            changed()


async def watch_sleep(woke: Callable[[], None]) -> None:
    """Call when this process did not run for some seconds: the machine slept, or the process was stopped."""
    before = time.clock_gettime(_CLOCK)
    while True:
        await trio.sleep(_TICK_MS / 1000)
        now = time.clock_gettime(_CLOCK)
        if (now - before) * 1000 > _SLEPT_MS:
            woke()
        before = now

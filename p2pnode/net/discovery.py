"""Ways to hear of peers: addresses that people write down, and, where a person allows it, the local network.

mDNS tells everyone on the network this node's persistent name and its addresses, and anyone there can tell us
anything: it is off unless asked for, and what it finds is a hint to dial, proven only by the handshake. Knows
addresses and keys; dials nothing and stores nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import device_key_of_peer_id, peer_id_of

if TYPE_CHECKING:
    from zeroconf import Zeroconf

_log = logging.getLogger("p2pnode.net.discovery")

ADDRESS_BYTES_MAX = 256
ADDRESSES_PER_PEER_MAX = 16
FOUND_MAX = 64

_SERVICE_TYPE = "_p2p._udp.local."
"""Source: libp2p mDNS specification."""

_TXT_KEY = b"dnsaddr="
_TXT_BYTES_MAX = 255
_RESOLVE_TIMEOUT_MS = 3_000
_LOOPBACK = ("/ip4/127.", "/ip6/::1/")
_HOSTS = ("ip4", "ip6", "dns", "dns4", "dns6")


@dataclass(frozen=True, slots=True)
class FoundPeer:
    """A claim that a key answers at these addresses; nothing proves it before a handshake."""

    peer_key: bytes
    addresses: tuple[str, ...]


def parse_peer_address(text: str) -> tuple[bytes, str]:
    """Split `/ip4/../tcp/../p2p/ID` into key and address. Errors: FormatError net.bad_address."""
    parts = text.strip().split("/")
    if len(text) > ADDRESS_BYTES_MAX or len(parts) != 7 or parts[0] or parts[3] != "tcp" or parts[5] != "p2p":
        raise FormatError("net.bad_address", "an address reads like /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo...")
    _, kind, host, _, port, _, peer_id = parts
    if kind not in _HOSTS or not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
        raise FormatError("net.bad_address", "only TCP over ip4, ip6, dns, dns4 or dns6 is dialled")
    if kind in ("ip4", "ip6"):
        _check_ip(host, int(kind[2]))
    elif not host or not all(c.isascii() and (c.isalnum() or c in "-._") for c in host):
        raise FormatError("net.bad_address", "not the name of a host")
    return device_key_of_peer_id(peer_id), f"/{kind}/{host}/tcp/{port}"


def _check_ip(text: str, version: int) -> None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise FormatError("net.bad_address", "not an IP address") from None
    if ip.version != version or ip.is_unspecified or ip.is_multicast:
        raise FormatError("net.bad_address", "nobody can be reached at this IP address")


def parse_bootstrap(lines: Iterable[str]) -> list[FoundPeer]:
    """The peers of a bootstrap list: one address a line, empty lines and lines with # are left out.

    Errors: UsageError net.bad_bootstrap, naming the line.
    """
    addresses: dict[bytes, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            peer_key, address = parse_peer_address(text)
        except FormatError as error:
            raise UsageError(
                "net.bad_bootstrap",
                f"line {number} of the bootstrap list is no peer address: {error.detail}",
                "correct the line or put # before it",
            ) from error
        addresses.setdefault(peer_key, []).append(address)
    return [FoundPeer(key, tuple(dict.fromkeys(found))) for key, found in addresses.items()]


@asynccontextmanager
async def local_discovery(
    peer_key: bytes, addresses: Sequence[str], interfaces: Sequence[str] | None = None
) -> AsyncIterator[trio.MemoryReceiveChannel[FoundPeer]]:
    """Announce this node on the local network and find others there while the block runs.

    `interfaces` are IP addresses of interfaces to use; all by default. What was found more than FOUND_MAX
    ahead of the reader is dropped: it will be announced again. Errors: UsageError net.no_mdns.
    """
    # Here and not above: who keeps mDNS off does not pay for it.
    from zeroconf import InterfaceChoice, Zeroconf

    choice = list(interfaces) if interfaces is not None else InterfaceChoice.All
    send, receive = trio.open_memory_channel[FoundPeer](FOUND_MAX)
    try:
        zeroconf = await trio.to_thread.run_sync(lambda: Zeroconf(interfaces=choice))
    except OSError as error:
        raise UsageError(
            "net.no_mdns",
            f"the local network cannot be searched: {error.strerror or error}",
            "free UDP port 5353, or turn mDNS off",
        ) from error
    try:
        listener = _Listener(zeroconf, peer_key, send, trio.lowlevel.current_trio_token())
        shared = tuple(one for one in addresses if not one.startswith(_LOOPBACK))
        await trio.to_thread.run_sync(_announce_and_browse, zeroconf, peer_key, shared, listener)
        yield receive
    finally:
        with trio.CancelScope() as scope:
            scope.shield = True
            await trio.to_thread.run_sync(zeroconf.close)
        send.close()


class _Listener:
    """Called by zeroconf in its own thread; hands what it finds over to trio."""

    def __init__(
        self,
        zeroconf: Zeroconf,
        own_key: bytes,
        send: trio.MemorySendChannel[FoundPeer],
        token: trio.lowlevel.TrioToken,
    ) -> None:
        self._zeroconf = zeroconf
        self._own_key = own_key
        self._send = send
        self._token = token

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        # Here and not above: who keeps mDNS off does not pay for it.
        from zeroconf import EventLoopBlocked, NotRunningException

        try:
            info = zc.get_service_info(type_, name, timeout=_RESOLVE_TIMEOUT_MS)
        except (EventLoopBlocked, NotRunningException):
            return  # a busy machine, or a node that stops: raised here, it would end the search for good
        if info is None:
            return
        for found in peers_of_record(info.text):
            if found.peer_key != self._own_key:
                self._hand_over(found)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Who is gone will not answer; anyone could say it of anyone."""

    def _hand_over(self, found: FoundPeer) -> None:
        try:
            self._token.run_sync_soon(_offer, self._send, found)
        except trio.RunFinishedError:
            pass  # the node stopped while its name was being looked up


def _offer(send: trio.MemorySendChannel[FoundPeer], found: FoundPeer) -> None:
    try:
        send.send_nowait(found)
    except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
        _log.debug("a peer on the local network is not looked at now")


def _announce_and_browse(
    zeroconf: Zeroconf, peer_key: bytes, addresses: tuple[str, ...], listener: _Listener
) -> None:
    from zeroconf import ServiceBrowser, ServiceInfo

    # A new name each time: the record names the peer, the service instance need not.
    name = secrets.token_hex(16)
    port = next((int(part) for one in addresses for part in one.split("/")[4:5]), 0)
    zeroconf.register_service(
        ServiceInfo(
            _SERVICE_TYPE,
            f"{name}.{_SERVICE_TYPE}",
            port=port,
            addresses=_packed(addresses),
            properties=record_of(peer_key, addresses),
            server=f"{name}.local.",
        )
    )
    ServiceBrowser(zeroconf, _SERVICE_TYPE, listener=listener)  # type: ignore[arg-type]


def _packed(addresses: Sequence[str]) -> list[bytes]:
    packed: list[bytes] = []
    for address in addresses:
        _, kind, host, *_ = address.split("/")
        if kind in ("ip4", "ip6"):
            packed.append(socket.inet_pton(socket.AF_INET if kind == "ip4" else socket.AF_INET6, host))
    return packed


def record_of(peer_key: bytes, addresses: Sequence[str]) -> bytes:
    """The TXT record of a node: a `dnsaddr=` string per address that others on the network can use."""
    suffix = f"/p2p/{peer_id_of(peer_key)}"
    record = b""
    for address in addresses:
        entry = _TXT_KEY + (address.partition("/p2p/")[0] + suffix).encode()
        if len(entry) <= _TXT_BYTES_MAX:
            record += bytes([len(entry)]) + entry
    return record


def peers_of_record(record: bytes | None) -> list[FoundPeer]:
    """The peers that a TXT record names; whatever else it holds is skipped."""
    addresses: dict[bytes, list[str]] = {}
    position = 0
    record = record or b""
    while position < len(record):
        length = record[position]
        entry = record[position + 1 : position + 1 + length]
        position += 1 + length
        if not entry.startswith(_TXT_KEY):
            continue
        try:
            peer_key, address = parse_peer_address(entry.removeprefix(_TXT_KEY).decode("ascii"))
        except (FormatError, UnicodeDecodeError):
            continue
        known = addresses.setdefault(peer_key, [])
        if address not in known and len(known) < ADDRESSES_PER_PEER_MAX:
            known.append(address)
    return [FoundPeer(key, tuple(found)) for key, found in addresses.items()]

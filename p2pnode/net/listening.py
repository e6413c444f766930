"""Sockets to listen on, and the addresses under which others can reach them. Knows multiaddrs, not peers."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ifaddr
import trio

from p2pnode.core.errors import UsageError

_PORT_FIRST = 20_000
_PORT_COUNT = 40_000
_BACKLOG = 128

DEFAULT_LISTEN = ("/ip4/0.0.0.0/tcp/{port}", "/ip6/::/tcp/{port}")


class ListenError(UsageError):
    """The node cannot listen where it was told to."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address and TCP port."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    @property
    def multiaddr(self) -> str:
        return f"/ip{self.ip.version}/{self.ip}/tcp/{self.port}"


def default_port(peer_key: bytes) -> int:
    """The port of a node unless it is told another: fixed per key, so that routers can be told once."""
    digest = hashlib.sha256(b"p2pnode/port\0" + peer_key).digest()
    return _PORT_FIRST + int.from_bytes(digest[:8], "big") % _PORT_COUNT


def default_listen(peer_key: bytes) -> list[str]:
    """Every interface, IPv4 and IPv6, on the key's own port."""
    port = default_port(peer_key)
    return [template.format(port=port) for template in DEFAULT_LISTEN]


def endpoint_of(address: str) -> Endpoint:
    """Read `/ip4/../tcp/..` or `/ip6/../tcp/..`. Errors: ListenError net.bad_listen_address."""
    parts = address.split("/")
    try:
        if len(parts) != 5 or parts[0] or parts[1] not in ("ip4", "ip6") or parts[3] != "tcp":
            raise ValueError(address)
        ip = ipaddress.ip_address(parts[2])
        port = int(parts[4])
        if ip.version != int(parts[1][2]) or not 0 <= port < 65_536:
            raise ValueError(address)
    except ValueError:
        raise ListenError(
            "net.bad_listen_address",
            f"{address} is not an address to listen on",
            "write it like /ip4/0.0.0.0/tcp/4001 or /ip6/::/tcp/4001",
        ) from None
    return Endpoint(ip, port)


def _bind(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET if endpoint.ip.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Lets a restarted node take its port back at once. Never SO_REUSEPORT: with it two nodes share
            # one port without an error and each gets half of the connections.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((str(endpoint.ip), endpoint.port))
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def open_listeners(addresses: Sequence[str]) -> list[trio.SocketListener]:
    """Listen on every address or on none. Errors: ListenError net.cannot_listen.

    A wildcard IPv6 address is left out where the machine has no IPv6, as long as another address remains.
    """
    endpoints = [endpoint_of(address) for address in addresses]
    listeners: list[trio.SocketListener] = []
    try:
        for endpoint in endpoints:
            try:
                sock = _bind(endpoint)
            except OSError as error:
                is_optional = endpoint.ip.version == 6 and endpoint.ip.is_unspecified and len(endpoints) > 1
                if is_optional and not _has_ipv6():
                    continue
                raise ListenError(
                    "net.cannot_listen",
                    f"cannot listen on {endpoint.multiaddr}: {error.strerror or error}",
                    "another node or program may use this port: stop it, or choose a free port with --listen",
                ) from error
            listeners.append(trio.SocketListener(trio.socket.from_stdlib_socket(sock)))
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def bound_endpoints(listeners: Iterable[trio.SocketListener]) -> list[Endpoint]:
    """Where the sockets really listen; a port of 0 is a number by now."""
    names = (listener.socket.getsockname() for listener in listeners)
    return [Endpoint(ipaddress.ip_address(name[0]), name[1]) for name in names]


def interface_addresses() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every address of every interface of this machine."""
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for address in adapter.ips:
            text = address.ip if isinstance(address.ip, str) else address.ip[0]
            found.append(ipaddress.ip_address(text))
    return found


def dialable(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Endpoints that others can dial: wildcards become the machine's addresses, the most reachable first.

    Link-local addresses are left out: without the name of an interface nobody can dial them. Loopback stays
    last, for other nodes on this machine.
    """
    expanded: list[Endpoint] = []
    machine = None
    for endpoint in endpoints:
        if not endpoint.ip.is_unspecified:
            expanded.append(endpoint)
            continue
        machine = interface_addresses() if machine is None else machine
        expanded.extend(
            Endpoint(ip, endpoint.port)
            for ip in machine
            if ip.version == endpoint.ip.version and not ip.is_link_local and not ip.is_multicast
        )
    return sorted(
        dict.fromkeys(expanded), key=lambda one: (one.ip.is_loopback, not one.ip.is_global, one.ip.version)
    )

"""Frontier digests over GossipSub, and neighbours found on the local network: hints whom to ask, never facts.

A node tells a group's topic what its frontier is now and where it can be dialled. Who hears a digest that
differs from its own, from a member it is not connected to, dials that member; the sync session does the
rest. Private groups are not announced: a topic's name would tell neighbours of them (J39).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from p2pnode.core import codec
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane
from p2pnode.net.gossip import MESSAGE_BYTES_MAX, Gossip
from p2pnode.port import HeldGroup, LivePort
from protocols.port import GroupChanged, HeadsMoved, Resync

VERSION = 1
ADDRESSES_MAX = 4
ADDRESS_CHARACTERS_MAX = 128
_DIGEST_BYTES = 32
_ALL = frozenset(int(lane) for lane in Lane)

Meet = Callable[[bytes, list[str]], None]
"""Called with a member who holds something else than we do, and where that member can be dialled."""


def topic_of(group: bytes) -> str:
    """The topic of a public group; who does not know the group cannot name it."""
    return "/p2pnode/frontier/1/" + tagged_hash("topic", group).hex()


def encode_announcement(digest: bytes, addresses: Sequence[str]) -> bytes:
    """What is published: [version, digest, addresses]."""
    short = [address for address in addresses if len(address) <= ADDRESS_CHARACTERS_MAX]
    return codec.encode([VERSION, digest, short[:ADDRESSES_MAX]])


def decode_announcement(data: bytes) -> tuple[bytes, list[str]]:
    """Digest and addresses. Errors: FormatError announcement.bad_format, codec.*."""
    value = codec.decode(data, bytes_max=MESSAGE_BYTES_MAX)
    if type(value) is not list or len(value) != 3 or value[0] != VERSION or type(value[1]) is not bytes:
        raise FormatError("announcement.bad_format", "not [version, digest, addresses]")
    _, digest, addresses = value
    if len(digest) != _DIGEST_BYTES or type(addresses) is not list or len(addresses) > ADDRESSES_MAX:
        raise FormatError("announcement.bad_format", "digest or addresses")
    if not all(type(a) is str and a.startswith("/") and len(a) <= ADDRESS_CHARACTERS_MAX for a in addresses):
        raise FormatError("announcement.bad_format", "an address")
    return digest, addresses


class Announcer:
    """Publishes where this node's groups stand, and hears where others stand."""

    def __init__(self, port: LivePort, addresses: Callable[[], list[str]], meet: Meet) -> None:
        self._port = port
        self._addresses = addresses
        self._meet = meet
        self._topics: dict[str, bytes] = {}

    async def run(self, gossip: Gossip) -> None:
        """Announce for ever."""
        async with self._port.watch() as changes:
            await self._follow(gossip)
            async for change in changes:
                match change:
                    case HeadsMoved(group):
                        held = self._port.groups().get(group)
                        if held is not None and held.public:
                            self._publish(gossip, held)
                    case GroupChanged() | Resync():
                        await self._follow(gossip)

    async def _follow(self, gossip: Gossip) -> None:
        """Subscribe to the topics of the public groups that are held here, and to no others."""
        wanted = {topic_of(held.group): held for held in self._port.groups().values() if held.public}
        for topic in sorted(self._topics.keys() - wanted.keys()):
            del self._topics[topic]
            await gossip.unsubscribe(topic)
        for topic, held in wanted.items():
            if topic not in self._topics:
                self._topics[topic] = held.group
                await gossip.subscribe(topic)
                self._publish(gossip, held)

    def _publish(self, gossip: Gossip, held: HeldGroup) -> None:
        bare = [address.partition("/p2p/")[0] for address in self._addresses()]
        gossip.publish(topic_of(held.group), encode_announcement(held.frontier.digest(_ALL), bare))

    async def received(self, topic: str, author: bytes, data: bytes) -> None:
        """Hear an announcement; libp2p has verified who made it."""
        await trio.lowlevel.checkpoint()
        held = self._port.groups().get(self._topics.get(topic, b""))
        if held is None or held.state.standing(author) not in ("member", "provisional"):
            return
        try:
            digest, addresses = decode_announcement(data)
        except FormatError as error:
            self._port.penalize(author, error.rule)
            return
        if digest != held.frontier.digest(_ALL) and addresses:
            self._meet(author, addresses)

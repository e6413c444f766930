"""What a real node does with peers that lie, spy or send garbage: it refuses, remembers, and runs on."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.errors import NodeError, PeerError, Unreachable, UsageError
from p2pnode.core.ids import DeviceKey, device_key_of_peer_id, peer_id_of
from p2pnode.core.presence import Presence
from p2pnode.governance.inception import Inception
from p2pnode.governance.invitation import parse_link
from p2pnode.governance.joining import join_by, join_entry
from p2pnode.net.host import Host
from p2pnode.net.streams import Libp2pStream
from p2pnode.replication.effects import Send
from p2pnode.replication.exchange import Cursor
from p2pnode.replication.frontier import Frontier
from p2pnode.replication.hello import lanes_of
from p2pnode.replication.messages import (
    MESSAGE_BYTES_MAX,
    Message,
    Offer,
    Runs,
    Wants,
    decode_message,
    encode_message,
)
from p2pnode.replication.session import Session
from p2pnode.replication.wanted import Wanted
from protocols import PROTOCOLS, join, query, sync
from protocols.framing import FrameStream
from protocols.port import JoinAnswer, JoinRequest, WireEntry
from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group

_ANSWER_S = 30
_STRANGERS_MAX = 6
_ALL_LANES = frozenset({0, 1, 2})

_seeds = itertools.count(int(time.time()))


@asynccontextmanager
async def _stranger(alice: Running) -> AsyncIterator[Host]:
    """A peer with a fresh key, connected to a node.

    Its key is the smaller one, so that the sync session is its to open: a session that the node opens too
    would end it, perhaps before what came over it was looked at.
    """
    seeds = (next(_seeds).to_bytes(32, "big") for _ in itertools.count())
    seed = next(seed for seed in seeds if SigningKey(seed).public < _key(alice))
    host = Host(secret_seed=seed, listen=[], protocols={})
    async with host.run():
        await host.dial(_key(alice), [alice.listen])
        yield host


def _key(node: Running) -> bytes:
    return bytes(device_key_of_peer_id(node.peer_id))


def _row(alice: Running, host: Host) -> dict[str, object]:
    rows: list[dict[str, object]] = alice.client.get("/peers")
    return next((row for row in rows if row["peer_id"] == peer_id_of(host.key)), {})


async def _send(alice: Running, host: Host, protocol: str, garbage: bytes) -> None:
    try:
        stream = await host.open_stream(_key(alice), protocol)
        await stream.write(garbage)
        await stream.close()
        await _until_ended(stream)
    except NodeError:
        pass  # alice hung up while it was still being sent


def _penalties_soon(alice: Running, host: Host) -> int:
    """How many offences of a peer a node knows; waits a while for the first."""
    try:
        return int(eventually("a penalty", lambda: _penalties(_row(alice, host)), within_s=10))
    except AssertionError:
        return 0


def _penalties(row: dict[str, object]) -> int:
    return int(str(row.get("penalties", 0)))


async def _until_ended(stream: Libp2pStream) -> None:
    """Read until the other side gives the stream up."""
    with trio.fail_after(_ANSWER_S):
        try:
            while await stream.read(65536):
                pass
        except Unreachable:
            pass  # a reset is an end too


def _garbage() -> dict[str, bytes]:
    dice = random.Random(7)
    noise = dice.randbytes(5000)
    return {
        "noise": noise,
        "a huge frame": (2**32 - 1).to_bytes(4, "big") + noise,
        "a frame of noise": (1000).to_bytes(4, "big") + noise[:1000],
        "a frame of nested arrays": (1000).to_bytes(4, "big") + b"\x91" * 1000,
        "an empty frame": bytes(4),
    }


@pytest.mark.parametrize("protocol", [protocol.ID for protocol in PROTOCOLS])
async def test_garbage_on_a_protocol_is_held_against_its_sender(make: Make, protocol: str) -> None:
    alice = make("alice").start("--log-level", "debug")
    for name, garbage in _garbage().items():
        penalties = 0
        # A connection that dies before its frame was looked at is held against nobody: another one.
        for _ in range(_STRANGERS_MAX):
            async with _stranger(alice) as host:
                await _send(alice, host, protocol, garbage)
                penalties = await trio.to_thread.run_sync(_penalties_soon, alice, host)
            if penalties:
                break
        assert penalties == 1, f"{name} is held against its sender:\n{alice.log_tail()}"
    assert alice.status()["pid"] == alice.process.pid


async def test_a_frame_that_is_cut_off_is_held_against_nobody(make: Make) -> None:
    alice = make("alice").start()
    async with _stranger(alice) as host:
        for protocol in PROTOCOLS:
            stream = await host.open_stream(_key(alice), protocol.ID)
            # Shorter than the longest that any protocol reads, which is an offence of its own.
            await stream.write((100).to_bytes(4, "big") + b"\x94\x01")
            await stream.close()
            await _until_ended(stream)
        row = await trio.to_thread.run_sync(_row, alice, host)
    assert row.get("penalties", 0) == 0


async def test_who_goes_on_sending_garbage_is_kept_out(make: Make) -> None:
    alice = make("alice").start()
    async with _stranger(alice) as host:
        pieces = list(_garbage().values())
        blocked = None
        for number in range(40):
            # A session that another one replaces may end before its frame was looked at, so it is sent again.
            try:
                await host.dial(_key(alice), [alice.listen])
                stream = await host.open_stream(_key(alice), sync.ID)
                await stream.write(pieces[number % len(pieces)])
                await stream.close()
                await _until_ended(stream)
            except NodeError:
                pass  # kept out already
            blocked = (await trio.to_thread.run_sync(_row, alice, host)).get("blocked")
            if blocked:
                break
        assert blocked
        why = alice.client.get("/why", word=peer_id_of(host.key))
        assert "kept out" in why["lines"][0]
        assert why["remedy"]
        with pytest.raises(NodeError):
            await host.dial(_key(alice), [alice.listen])
            await query.ask(await host.open_stream(_key(alice), query.ID), ["groups"])
    assert alice.done("peers", "unblock", peer_id_of(host.key))["penalties"] == 0


class _View:
    """A group as somebody claims to hold it."""

    def __init__(self, group: bytes) -> None:
        self.group = group
        self.frontier = Frontier(group, bytes(16))
        self.public = True


class _Spy:
    """What a stranger's session says: that it holds a group and may read everything."""

    def __init__(self, host: Host, seed: bytes, group: bytes) -> None:
        self.own_key = host.key
        self.sign = SigningKey(seed).sign
        self._view = _View(group)

    def groups(self) -> Mapping[bytes, _View]:
        return {self._view.group: self._view}

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        return _ALL_LANES

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return None

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        return ()


class _Talk:
    """A session whose frames can be looked at, one after the other."""

    def __init__(self, stream: Libp2pStream, spy: _Spy) -> None:
        self._frames = FrameStream(stream, MESSAGE_BYTES_MAX)
        now_ms = int(time.time() * 1000)
        self.session = Session(spy, stream.peer_key, nonce=bytes(range(32)), wanted=Wanted(), now_ms=now_ms)
        self.heard: list[Message] = []

    async def begin(self) -> None:
        for effect in self.session.start(int(time.time() * 1000)):
            assert isinstance(effect, Send)
            await self._frames.write(effect.frame)

    async def say(self, message: Message) -> None:
        await self._frames.write(encode_message(message))

    async def hear_until(self, kind: type[Message]) -> Message:
        """Go on with the conversation until a kind of message came; the last one heard."""
        with trio.fail_after(_ANSWER_S):
            while True:
                frame = await self._frames.read()
                assert frame is not None
                self.heard.append(decode_message(frame))
                for effect in self.session.receive(frame, int(time.time() * 1000)):
                    if isinstance(effect, Send):
                        await self._frames.write(effect.frame)
                if isinstance(self.heard[-1], kind):
                    return self.heard[-1]


async def test_a_stranger_reads_nothing_of_the_members_lanes(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    for node in nodes:
        node.contribute(group, "among ourselves", note="not for strangers")
    converge(nodes, group)
    async with _stranger(alice) as host:
        seed = (next(_seeds) - 1).to_bytes(32, "big")
        assert SigningKey(seed).public == host.key
        stream = await host.open_stream(_key(alice), sync.ID)
        talk = _Talk(stream, _Spy(host, seed, bytes.fromhex(group)))
        await talk.begin()
        offer = await talk.hear_until(Offer)
        assert isinstance(offer, Offer)
        for offered in offer.groups:
            assert lanes_of(offered.lanes) <= {2}
        exchange = talk.session.open_group(bytes.fromhex(group))
        if exchange is not None:
            authors = _key(alice) + _key(bob) + _key(alice)
            await talk.say(Wants(exchange.number, 99, False, authors, bytes((0, 0, 1)), [0] * 3, [50] * 3))
            try:
                answer = await talk.hear_until(Runs)
            except (PeerError, Unreachable, AssertionError):
                pass  # asking for what one may not read ends the session
            else:
                assert isinstance(answer, Runs)
                assert answer.body == b""
        secret = [
            b"among ourselves",
            b"not for strangers",
            bytes.fromhex(alice.first_status["did"][8:24].encode().hex()),
        ]
        heard = b"".join(encode_message(message) for message in talk.heard)
        assert not [text for text in secret if text in heard]
    converge(nodes, group)


async def test_a_stranger_is_told_nothing_of_members(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = bytes.fromhex(form_group(nodes))
    entry = bytes.fromhex(bob.contribute(group.hex(), "among ourselves"))
    converge(nodes, group.hex())
    async with _stranger(alice) as host:
        for question in (
            ["members", group],
            ["addresses", group],
            ["frontier", sha256(b"another group")],
            ["members", sha256(b"another group")],
            ["entry", group],
            ["log", group, -1, 2],
            ["no such question", group],
            [group],
            {"question": 1},
        ):
            stream = await host.open_stream(_key(alice), query.ID)
            with pytest.raises(NodeError):
                await query.ask(stream, question)
        for question in (["log", group, 100], ["entry", group, entry], ["frontier", group]):
            stream = await host.open_stream(_key(alice), query.ID)
            try:
                answer = await query.ask(stream, question)
            except UsageError:
                continue
            assert isinstance(answer, dict)
            assert not answer.get("entries")
            assert not answer.get("heads")
    assert alice.status()["pid"] == alice.process.pid


async def _knock(
    alice: Running, key_seed: bytes, link_text: str, *, forged_seed: bytes | None = None
) -> JoinAnswer:
    """Ask to join with a key of our own, and with another secret than the link's where one is given."""
    key = SigningKey(key_seed)
    link = parse_link(link_text)
    if forged_seed is not None:
        link = (
            replace(link, seed=forged_seed)
            if not hasattr(link, "_replace")
            else link._replace(seed=forged_seed)
        )
    inception = Inception(DeviceKey(key.public), sha256(b"recovery"))
    entry = join_entry(key, join_by(link, inception), int(time.time() * 1000))
    fields = WireEntry(entry.header_bytes, entry.signature or b"", entry.payload or b"")
    host = Host(secret_seed=key_seed, listen=[], protocols={})
    async with host.run():
        await host.dial(_key(alice), [alice.listen])
        stream = await host.open_stream(_key(alice), join.ID)
        return await join.ask(stream, JoinRequest(bytes(link.invitation.group), (fields,), ()))


async def test_an_invitation_without_its_secret_opens_nothing(make: Make) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    link = alice.invite(group)
    with pytest.raises(NodeError):
        answer = await _knock(alice, next(_seeds).to_bytes(32, "big"), link, forged_seed=b"\x07" * 32)
        assert answer.verdict == "refused"
        assert answer.founding is None
        raise Unreachable("refused in words")
    assert len(alice.client.get("/members", group=group)) == 1
    assert (await _knock(alice, next(_seeds).to_bytes(32, "big"), link)).verdict in ("member", "provisional")
    assert len(alice.client.get("/members", group=group)) == 2


async def test_an_invitation_that_was_used_up_or_is_over_opens_nothing(make: Make) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    used = alice.invite(group)
    assert (await _knock(alice, next(_seeds).to_bytes(32, "big"), used)).verdict in ("member", "provisional")
    spent = await _knock(alice, next(_seeds).to_bytes(32, "big"), used)
    assert (spent.verdict, spent.rule) == ("refused", "invite.spent")
    assert spent.founding is None
    assert not spent.entries

    short = alice.invite(group, expires_in_ms=500)
    expiry_ms = parse_link(short).invitation.expiry_ms
    eventually("the invitation is over", lambda: time.time() * 1000 > expiry_ms)
    late = await _knock(alice, next(_seeds).to_bytes(32, "big"), short)
    assert (late.verdict, late.rule) == ("refused", "invite.expired")
    assert len(alice.client.get("/members", group=group)) == 2


async def test_the_request_of_another_device_opens_nothing(make: Make) -> None:
    """Who has seen a member's join entry hands it in under a key of its own."""
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    joined = next(row["entry"] for row in alice.entries(group).values() if row["type"] == "member.join")
    detail = alice.client.get("/entry", entry=joined)
    fields = WireEntry(*(bytes.fromhex(detail[f"{part}_hex"]) for part in ("header", "signature", "payload")))
    async with _stranger(alice) as host:
        stream = await host.open_stream(_key(alice), join.ID)
        answer = await join.ask(stream, JoinRequest(bytes.fromhex(group), (fields,), ()))
        assert answer.verdict == "refused"
        assert answer.founding is None
        assert not answer.entries
    assert len(alice.client.get("/members", group=group)) == 2
    assert bob.status()["pid"]

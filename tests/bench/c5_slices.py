"""C5: the longest time for which a node with 1,000,000 state rows sees to nothing else (J30).

What is timed is one call of the node's only thread: while a block of 5,000 entries is made and committed,
while a newcomer takes in the state as a snapshot, and while it runs the history behind it again. A chunk is
made in a thread of its own, so what counts there is one chunk. The rows are written beside the log and under
a root of their own, which two real blocks then carry on; so history does not give them, and it is run on
another group. Times are CPU of the thread, because a busy machine would only measure who else runs on it. The
baseline is the same work in one go: all its calls together.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from p2pnode import clock
from p2pnode.chain import levelling
from p2pnode.chain.leading import Next
from p2pnode.consensus.format import decode_header, encode_header
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import update
from p2pnode.core.crypto import sha256
from p2pnode.core.events import LevelAnswered, LevelAsked, WakeAt, Woke
from p2pnode.node import Node
from p2pnode.replication.level import ChunkWanted, Wanted
from p2pnode.service import levels
from p2pnode.serving import GroupReader
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import Author, open_node
from tests.bench.market_home import MarketHome

_ROWS = 1_000_000
_EVENTS = 5000
_SEEDED_AT_ONCE = 100_000
_SETTINGS = {"block_entries_max": 4 * (_EVENTS + 1), "checkpoint_entries": _EVENTS}


class _Slices:
    """The CPU time of the longest call, and of all together, by what they were for. Units: ms."""

    def __init__(self) -> None:
        self.longest_ms: dict[str, float] = defaultdict(float)
        self.sums_ms: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.thread_time()
        yield
        took_ms = (time.thread_time() - start) * 1000
        self.longest_ms[name] = max(self.longest_ms[name], took_ms)
        self.sums_ms[name] += took_ms


def measure(options: Options) -> list[Figure]:
    """A newcomer beside the one who has everything."""
    slices = _Slices()
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        _measure(Path(folder), options, slices)
    names = {
        "block": "a block of 5,000 entries, made, executed, hashed and committed",
        "chunk": "one chunk of a snapshot, made",
        "snapshot": "a snapshot of all rows, taken in and put in place",
        "clear": "what it replaced, cleared",
        "history": "a block of 5,000 entries, run again behind a snapshot",
    }
    return [
        figure(f"c5.{name}.longest", f"CPU ms: {what}", [slices.longest_ms[name]], [slices.sums_ms[name]])
        for name, what in names.items()
    ]


def _measure(folder: Path, options: Options, slices: _Slices) -> None:
    count = options.scaled(_EVENTS)
    market = MarketHome(folder, **_SETTINGS | {"checkpoint_entries": count})
    checking, late = (_newcomer(folder / name, market) for name in ("checking", "late"))
    for number in range(2):
        market.write(market.transfers(number * count, count))
        market.settle()
    with mock.patch.object(levelling, "BEHIND_BLOCKS_MIN", 1):
        _take_snapshot(checking, market, _Slices())
        _check_history(checking, market, slices)
        _seed(market, options.scaled(_ROWS))
        for number in range(2, 4):
            market.write(market.transfers(number * count, count))
            height = market.log.chain.tip.height
            _settle(market.author.node, slices, "block")
            assert market.log.chain.tip.height > height, "no block ordered the events"
        _take_snapshot(late, market, slices)
        _settle(late.node, slices, "clear")
    for author in (market.author, checking, late):
        author.close()


def _newcomer(folder: Path, market: MarketHome) -> Author:
    """Somebody who has joined and has nothing of the group yet."""
    late = Author(folder)
    late.join(market.author, market.group, market.author.link(market.group, 1))
    market.settle()
    return late


def _seed(market: MarketHome, count: int) -> None:
    """Write so many more rows of events beneath the last block, as if its entries had made them."""
    log, author = market.log, market.author
    (_, value), header = next(log.file.chain.scan(b"event\0")), log.file.chain.tip()
    assert header is not None
    for first in range(0, count, _SEEDED_AT_ONCE):
        numbers = range(first, min(count, first + _SEEDED_AT_ONCE))
        rows: dict[bytes, bytes | None] = {
            row_key("event", sha256(number.to_bytes(8, "big"))): value for number in numbers
        }
        with log.file.write(durable=False) as transaction:
            chain = transaction.chain
            last = chain.tip()
            assert last is not None
            block = decode_header(last.header)
            trie = update(block.state_root, rows, chain.trie_node)
            chain.put_state(rows, trie)
            chain.add_block(last._replace(header=encode_header(replace(block, state_root=trie.root))))
    author.node.close()
    author.key, author.node = open_node(author.home)
    author.node.start(is_restored=False)


def _settle(node: Node, slices: _Slices, name: str) -> None:
    is_busy = True
    while is_busy:
        now_ms = clock.wall_ms()
        with slices.timed(name):
            effects = node.handle(Woke(), now_ms)
        is_busy = any(isinstance(effect, WakeAt) and effect.time_ms <= now_ms for effect in effects)


def _take_snapshot(late: Author, market: MarketHome, slices: _Slices) -> None:
    """Let a newcomer ask one member until the state of the last block is here."""
    height = market.log.chain.tip.height
    reader = GroupReader(market.group, str(market.author.home.group_db(market.group)))
    following: Next = late.ask(LevelAsked("bench", market.group, True))
    while following.wanted is not None and late.node.logs[market.group].level.snapshot < height:
        wanted = following.wanted
        with reader.reading() as queries, slices.timed("chunk" if isinstance(wanted, ChunkWanted) else "way"):
            answer = levels.answer_to(queries, wanted)
        event = LevelAnswered("bench", market.group, market.author.key.device_key, wanted, answer)
        with slices.timed("snapshot"):
            following = late.ask(event)
    reader.close()
    assert late.node.logs[market.group].chain.tip.height == height, "the state did not come"


def _answered(late: Author, market: MarketHome, wanted: Wanted) -> Next:
    reader = GroupReader(market.group, str(market.author.home.group_db(market.group)))
    with reader.reading() as queries:
        answer = levels.answer_to(queries, wanted)
    reader.close()
    peer = market.author.key.device_key
    following: Next = late.ask(LevelAnswered("bench", market.group, peer, wanted, answer))
    return following


def _check_history(late: Author, market: MarketHome, slices: _Slices) -> None:
    """Run history again behind a snapshot."""
    market.author.hand_over(market.group, late)
    level = late.node.logs[market.group].level
    while not level.report().is_checked:
        with slices.timed("history"):
            following: Next = late.ask(LevelAsked("bench", market.group, False))
        if following.wanted is not None:
            following = _answered(late, market, following.wanted)

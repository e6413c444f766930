"""E2: what people ask of a group with 1,000,000 events: balances, agreements, the feed, records; over HTTP
and without it; memory, and how long the views take when they are made again.

The group is made once by a real node and kept in a folder for temporary files. The baseline asks a plain
SQLite table of as many events, indexed by whom they concern, for one page of them.
"""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import quantiles
from typing import Any

from p2pnode import clock, views
from p2pnode.core.events import Item
from p2pnode.describing import Describer
from p2pnode.economy import agreement, promising
from p2pnode.economy.agreement import clause_id
from p2pnode.home import Home
from p2pnode.local.client import Client
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.service.economy_rows import LISTS, PAGED, agreement_shown
from p2pnode.service.naming_economy import agreement_of
from p2pnode.service.paging import Page
from p2pnode.service.provisional import Provisional
from p2pnode.service.viewing import GroupView
from p2pnode.serving import GroupReader
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import ROOT, open_node
from tests.bench.market_home import AGREEMENT, MarketHome
from tests.bench.node_process import started_node

_EVENTS_AN_ENTRY = 10
"""The option for entries says ten times as many events here."""

_RECORDS = 500
_BATCHES = 40
"""Batches that are written at a time; a block orders about as many."""

_OFFERS = 2000
_ROWS = 50
_ROUNDS = 100
_AGREED = 4
"""One batch in so many fulfils the agreement, the others the promise."""

_MADE_BY = ("store/schema", "consensus", "governance", "economy")
_Ask = Callable[[GroupView], list[EconomyRow]]


def measure(options: Options) -> list[Figure]:
    """Questions to a group of a million events; of five thousand in quick mode."""
    events = 5000 if options.is_quick else _EVENTS_AN_ENTRY * options.entries
    rounds = 5 if options.is_quick else _ROUNDS
    home = _market(events, options.scaled(_OFFERS))
    figures = _remade(home, events)
    plain = _plain(events, rounds)
    for name, times in _asked(home, rounds).items():
        figures.append(figure(f"e2.{name}.p50", "ms", [_part(times, 50)], [_part(plain, 50)]))
        figures.append(figure(f"e2.{name}.p95", "ms", [_part(times, 95)], [_part(plain, 95)]))
    with started_node(home.path) as node:
        for name, times in _asked_over_http(home, rounds).items():
            figures.append(figure(f"e2.http.{name}.p95", "ms", [_part(times, 95)], [_part(plain, 95)]))
        memory = node.memory()
    figures.append(figure("e2.peak", "MB, a node with this group", [memory["peak"] / (1 << 20)]))
    return figures


def _part(times_ms: list[float], part: int) -> float:
    return quantiles(times_ms, n=100, method="inclusive")[part - 1]


# ---- asking


def _asked(home: Home, rounds: int) -> dict[str, list[float]]:
    """What the service does for each question, in this process. Units: ms."""
    key, node = open_node(home)
    node.start(is_restored=False)
    ((group, log),) = node.logs.items()
    reader = GroupReader(group, str(home.group_db(group)))
    facts, own = Provisional(), key.device_key
    me: list[bytes] = []

    def ask(work: _Ask) -> list[EconomyRow]:
        with reader.reading() as queries:
            describer = Describer(queries, log.state, own)
            view = GroupView(group, queries, describer, own, clock.wall_ms(), facts)
            me[:] = [view.me[0]]
            return work(view)

    newest = ask(lambda view: PAGED["events"](view, None, Page(500)))
    after = bytes.fromhex(newest[-1]["id"])
    asked: dict[str, _Ask] = {
        "balance": lambda view: LISTS["balances"](view, me[0]),
        "balances": lambda view: LISTS["balances"](view, None),
        "agreement": lambda view: [agreement_shown(view, agreement_of(view, AGREEMENT))],
        "feed": lambda view: PAGED["intents"](view, None, Page(_ROWS)),
        "records": lambda view: PAGED["events"](view, None, Page(_ROWS)),
        "records_of_one": lambda view: PAGED["events"](view, me[0], Page(_ROWS)),
        "records_after": lambda view: PAGED["events"](view, None, Page(_ROWS, after)),
        "promises": lambda view: PAGED["promises"](view, me[0], Page(_ROWS)),
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, work in asked.items():
            times[name].append(_timed(lambda work=work: ask(work)))  # type: ignore[misc]
    reader.close()
    node.close()
    return times


def _asked_over_http(home: Home, rounds: int) -> dict[str, list[float]]:
    client = Client(home)
    (group,) = [one["id"] for one in client.get("/status")["groups"]]
    rows: dict[str, dict[str, Any]] = {
        "balance": {"about": "balances", "who": "me"},
        "feed": {"about": "intents", "limit": _ROWS},
        "records": {"about": "events", "limit": _ROWS},
        "records_of_one": {"about": "events", "who": "me", "limit": _ROWS},
    }
    times: dict[str, list[float]] = {name: [] for name in (*rows, "agreement")}
    for _ in range(rounds):
        for name, query in rows.items():
            times[name].append(_timed(lambda query=query: client.get("/economy", group=group, **query)))  # type: ignore[misc]
        times["agreement"].append(_timed(lambda: client.get("/agreement", group=group, agreement=AGREEMENT)))
    return times


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    if not work():
        raise AssertionError("an answer with nothing in it")
    return (time.perf_counter() - start) * 1000


def _remade(home: Home, events: int) -> list[Figure]:
    """Make the views again, as the node does when their form has changed."""
    _, node = open_node(home)
    node.start(is_restored=False)
    ((group, log),) = node.logs.items()
    count = sum(1 for _ in log.file.chain.scan(b"event\0"))
    if count < events:
        raise AssertionError(f"{count} events of {events}")
    start = time.monotonic()
    with log.file.write() as transaction:
        transaction.clear_views()
        transaction.chain.list_again()
    for lane in log.lanes.values():
        lane.viewed = -1
    while views.is_behind(log):
        with log.change(durable=False) as change:
            views.fold_slice(log, change, 1000)
    seconds = time.monotonic() - start
    size = home.group_db(group).stat().st_size
    node.close()
    return [
        figure("e2.views.seconds", f"s to make the views of {events:,} events again", [seconds]),
        figure("e2.file", "bytes an event in the group's file", [size / events]),
    ]


def _plain(events: int, rounds: int) -> list[float]:
    """A page of one agent's events out of a plain table. Units: ms."""
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
        connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, agent INT, time_ms INT, value BLOB)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?)",
            ((number, number % 2, number // _RECORDS, bytes(250)) for number in range(events)),
        )
        connection.execute("CREATE INDEX by_agent ON event (agent, time_ms)")
        connection.execute("COMMIT")
        question = "SELECT * FROM event WHERE agent=1 ORDER BY time_ms DESC LIMIT ?"
        return [_timed(lambda: connection.execute(question, (_ROWS,)).fetchall()) for _ in range(rounds)]


# ---- making the group


def _market(events: int, offers: int) -> Home:
    """The home of a group with so many events, made where there is none yet."""
    made_by = [path for name in _MADE_BY for path in sorted((ROOT / "p2pnode" / name).glob("*.*"))]
    version = sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / "p2pnode-bench-data" / f"market-{version}-{events}"
    if not folder.exists():
        making = folder.with_name(folder.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        _make(making, events, offers)
        making.rename(folder)
    return Home(folder / "alice")


def _make(folder: Path, events: int, offers: int) -> None:
    market = MarketHome(folder, checkpoint_entries=_BATCHES, checkpoint_days=366)
    said = market.offers(offers)
    written = market.write(said)
    ended = [
        Item(promising.INTENT_CLOSE_TYPE, promising.INTENT_CLOSE.encode(promising.Reference(bytes(entry.id))))
        for entry in written[: offers // 2]
    ]
    market.write(ended)
    clause = clause_id(market.agreement, 0)
    size = _RECORDS * _BATCHES
    for first in range(0, events, size):
        part = min(size, events - first)
        agreed = part // _AGREED // _RECORDS * _RECORDS
        market.write(
            [
                *market.batches(first, agreed, _RECORDS, clause),
                *market.batches(first + agreed, part - agreed, _RECORDS),
            ]
        )
        market.settle()
    row = agreement.agreement(market.log.file.chain, market.agreement)
    if row is None or row.status != agreement.ACCEPTED:
        raise AssertionError("the agreement is not in force")
    # One more block for what is left, so that all events are final.
    market.write(market.offers(_BATCHES))
    market.settle()
    market.author.close()

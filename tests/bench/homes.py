"""Homes with many entries, made by the real Node and kept in a folder for temporary files.

A data set is one writer's home with everything in it, and homes of members that have nothing but what admits
them. Making a hundred thousand entries takes longer than most figures, so data sets are kept until the schema
or a rule changes.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from p2pnode import clock
from p2pnode.core.annex import encode_annex
from p2pnode.core.events import (
    AnnexesReceived,
    Append,
    CatchUp,
    Found,
    JoinAsked,
    Joined,
    PrepareJoin,
    Received,
    Reply,
    WakeAt,
    Woke,
)
from p2pnode.core.ids import GroupId
from p2pnode.governance.charter import charter_of_toml
from p2pnode.governance.invitation import encode_link, invite
from p2pnode.home import Home
from p2pnode.keyfile import KeyFile, create_key, open_key
from p2pnode.node import Node
from p2pnode.replication.exchange import Want
from p2pnode.replication.run import pack_runs
from p2pnode.serving import GroupReader
from p2pnode.store.node_file import NodeFile
from p2pnode.store.shelf import FolderShelf
from tests.bench.workload import items

ROOT = Path(__file__).resolve().parents[2]
_APPEND_ITEMS = 500
_COUNCIL_ABOVE = 4
"""In so large a group nobody becomes a voter by itself: a figure is taken while nothing is decided."""

_FRAME_BYTES = 1 << 19
_FORMAT = b"3"
_DECIDING = ("store/schema", "consensus", "governance")
COMMITMENT = bytes(range(32))


def open_node(home: Home) -> tuple[KeyFile, Node]:
    """A home's key and its node, not started yet."""
    key = open_key(home)
    node_file = NodeFile(home.node_db)
    with node_file.write() as transaction:
        transaction.put_setting("incarnations", key.incarnation + key.previous_incarnation)
    key.begin()
    return key, Node(key.signing_key, node_file, FolderShelf(home.groups_dir), os.urandom)


class Author:
    """One home with its node in this process, for making data."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.create()
        create_key(self.home, recovery_commitment=COMMITMENT)
        self.key, self.node = open_node(self.home)
        self.node.start(is_restored=False)

    def ask(self, event: Any) -> Any:
        """Handle one event and return what it replies."""
        for effect in self.node.handle(event, clock.wall_ms()):
            if isinstance(effect, Reply) and effect.request == "bench":
                if effect.error is not None:
                    raise effect.error
                return effect.value
        raise AssertionError("no reply")

    def found(self, **settings: int) -> bytes:
        template = (ROOT / "config" / "templates" / "circle.toml").read_text()
        charter = charter_of_toml(template, name="Upper Valley", council_above=_COUNCIL_ABOVE, **settings)
        return bytes(self.ask(Found("bench", charter.value, os.urandom(32), COMMITMENT, annex_of("founder"))))

    def link(self, group: bytes, uses: int) -> str:
        expiry_ms = clock.wall_ms() + 3_600_000
        link = invite(
            self.key.signing_key,
            GroupId(group),
            os.urandom(32),
            uses=uses,
            expiry_ms=expiry_ms,
            rule="invitation",
            addresses=["/ip4/127.0.0.1/tcp/1"],
            name="Upper Valley",
        )
        return encode_link(link)

    def join(self, founder: "Author", group: bytes, link: str) -> None:
        prepared = self.ask(PrepareJoin("bench", link, COMMITMENT, annex_of("member")))
        admission = founder.ask(
            JoinAsked("bench", group, self.key.device_key, prepared.entries, prepared.annexes)
        )
        if admission.state != "admitted":
            raise AssertionError(admission.rule)
        self.ask(Joined("bench", group, admission.founding))

    def append(self, group: bytes, first: int, count: int) -> None:
        for start in range(0, count, _APPEND_ITEMS):
            part = items(first + start, min(_APPEND_ITEMS, count - start))
            self.ask(Append("bench", group, part))

    def hand_over(self, group: bytes, receiver: "Author") -> None:
        """Give another node what it lacks, frame by frame as a sync session would."""
        reader = GroupReader(group, str(self.home.group_db(group)))
        while wants := self._lacking(group, receiver):
            stored = 0
            while wants:
                runs, wants = reader.read_runs(wants, _FRAME_BYTES)
                frame = pack_runs(runs, compress=False)
                answer = receiver.ask(Received("bench", group, self.key.device_key, frame, False, False))
                stored += answer.stored
                if answer.refused or answer.suspect:
                    raise AssertionError(answer)
            if not stored and not self._hand_over_bodies(group, receiver) and not receiver.settle(group):
                raise AssertionError("no progress")
        reader.close()

    def _hand_over_bodies(self, group: bytes, receiver: "Author") -> int:
        """Give the bodies of blocks, by which the receiver learns who else belongs to the group."""
        wanted = receiver.node.logs[group].file.wanted_annexes(1000)
        bodies = tuple(self.node.logs[group].file.annexes(wanted))
        return int(receiver.ask(AnnexesReceived("bench", group, self.key.device_key, bodies)))

    def _lacking(self, group: bytes, receiver: "Author") -> list[Want]:
        """What another node lacks; our own lane first, because it decides about newcomers."""
        held = receiver.node.logs[group].frontier.heads
        wants = [
            Want(head.author, head.lane, held[key].seq + 1 if key in held else 0, head.seq)
            for key, head in self.node.logs[group].frontier.heads.items()
            if key not in held or held[key].seq < head.seq
        ]
        return sorted(wants, key=lambda want: want.author != self.key.device_key)

    def settle(self, group: bytes) -> bool:
        """Do everything that is left for spare time: views, and the blocks that so many entries call for.

        Whether that led to a new final block.
        """
        self.ask(CatchUp("bench", group))
        log = self.node.logs[group]
        first, is_busy = log.chain.tip.height, True
        while is_busy:
            before, now_ms = log.chain.tip.height, clock.wall_ms()
            effects = self.node.handle(Woke(), now_ms)
            # A block takes several slices, and each says that it goes on.
            is_busy = before != log.chain.tip.height or any(
                isinstance(effect, WakeAt) and effect.time_ms <= now_ms for effect in effects
            )
        return log.chain.tip.height > first

    def close(self) -> None:
        self.node.close()


def annex_of(name: str) -> bytes:
    return encode_annex(os.urandom(32), {"name": name})


def entry_count(home: Path) -> int:
    """How many entries lie in the lanes of the one group of a home."""
    home_ = Home(home)
    (path,) = home_.group_dbs()
    reader = GroupReader(b"", str(path))
    with reader.reading() as queries:
        count = queries.entry_count()
    reader.close()
    return count


class DataSet:
    """Paths of the homes of one group. `writer` holds all entries, `near` all but the last of each author."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.group = bytes.fromhex((folder / "group").read_text())

    @contextmanager
    def homes(self, *names: str) -> Iterator[list[Path]]:
        """Fresh copies of some homes, ready to be started."""
        with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
            copies = [Path(folder) / f"{number}-{name}" for number, name in enumerate(names)]
            for name, copy in zip(names, copies, strict=True):
                shutil.copytree(self._folder / name, copy)
                # A copied key file knows that it was copied (J35); here the original never runs.
                open_key(Home(copy)).settle()
            yield copies


def data_set(
    entries: int, authors: int, readers: int = 1, *, has_near: bool = True, **settings: int
) -> DataSet:
    """A group of `authors` writers and `readers` silent members; settings are of its charter.

    Units: entries are counted without acks and joins.
    """
    # What was decided by other rules would not be what history, run again, gives now.
    kept = [path for name in _DECIDING for path in sorted((ROOT / "p2pnode" / name).glob("*.*"))]
    version = sha256(_FORMAT + b"".join(path.read_bytes() for path in kept)).hexdigest()[:8]
    kind = "-".join([str(has_near), *(f"{name}-{value}" for name, value in sorted(settings.items()))])
    name = f"{version}-{entries}-{authors}-{readers}-{kind}"
    folder = Path(tempfile.gettempdir()) / "p2pnode-bench-data" / name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as making:
            group = _make(Path(making), entries, authors, readers, has_near=has_near, **settings)
            (Path(making) / "group").write_text(group.hex())
            try:
                Path(making).rename(folder)
            except OSError:
                pass  # made by another run meanwhile
            else:
                Path(making).mkdir()
    return DataSet(folder)


def _make(
    folder: Path, entries: int, authors: int, readers: int, *, has_near: bool, **settings: int
) -> bytes:
    founder = Author(folder / "writer")
    group = founder.found(**settings)
    link = founder.link(group, authors + readers + _COUNCIL_ABOVE)
    for number in range(_COUNCIL_ABOVE):
        silent = Author(folder / f"silent{number}")
        silent.join(founder, group, link)
        silent.close()
        shutil.rmtree(silent.home.path)
    near = Author(folder / "near")
    near.join(founder, group, link)
    for number in range(readers):
        reader = Author(folder / f"reader{number}")
        reader.join(founder, group, link)
        reader.close()
    each = entries // authors
    founder.append(group, 0, each - 1)
    writers = []
    for number in range(1, authors):
        writer = Author(folder / f"author{number}")
        writer.join(founder, group, link)
        founder.settle(group)  # until a block holds the join, little is taken of a newcomer
        writer.append(group, number * each, each - 1)
        writer.hand_over(group, founder)
        writers.append(writer)
    founder.settle(group)
    if has_near:
        founder.hand_over(group, near)
        near.settle(group)
    near.close()
    for number, writer in enumerate(writers, start=1):
        writer.append(group, (number + 1) * each - 1, 1)
        writer.hand_over(group, founder)
        writer.close()
        shutil.rmtree(writer.home.path)
    founder.append(group, each - 1, 1)
    founder.settle(group)
    founder.close()
    return group


def heads_of(home: Path) -> dict[tuple[bytes, int], tuple[int, bytes]]:
    """The heads that a stopped node holds, for comparing two of them."""
    (path,) = Home(home).group_dbs()
    reader = GroupReader(b"", str(path))
    with reader.reading() as queries:
        heads = {lane.key: (lane.seq, lane.id) for lane in queries.lanes() if lane.seq >= 0}
    reader.close()
    return heads


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder for the time of a block."""
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        yield Path(folder)

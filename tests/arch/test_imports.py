"""The house as a table: which room may import what. An allow-list, because a deny-list forgets."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.arch import tree

_PURE_STANDARD = frozenset(
    "__future__ abc base64 binascii bisect collections dataclasses enum fractions functools hashlib heapq "
    "hmac itertools operator re struct types typing unicodedata".split()
)
_PURE = tree.PURE_PARTS
_HIDDEN_INPUTS = frozenset("asyncio datetime logging random secrets socket time".split())


@dataclass(frozen=True)
class Room:
    """What a part of the house may import: of ours, of others, of the standard library (None: all)."""

    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    standard: frozenset[str] | None = None
    never: frozenset[str] = frozenset()


def _pure(name: str, *more: str) -> Room:
    # Layers beside each other do not meet: the sync side puts their decisions together.
    return Room(
        own=("p2pnode.core", name),
        others=("msgpack", "msgspec", *more),
        standard=_PURE_STANDARD.union(more),
    )


# Files of one home and what is written in them; the only place besides the store that writes to the disk.
_HOME = (
    "p2pnode.backup",
    "p2pnode.config",
    "p2pnode.disk",
    "p2pnode.home",
    "p2pnode.keyfile",
    "p2pnode.phrase",
    "p2pnode.place",
    "p2pnode.sealing",
)
_WRITER = (
    "p2pnode.authoring",
    "p2pnode.chain",
    "p2pnode.group_change",
    "p2pnode.group_log",
    "p2pnode.node",
    "p2pnode.opening",
    "p2pnode.views",
)
# Puts all the others together: threads, streams, effects carried out.
_ASSEMBLY = (
    "p2pnode.announcing",
    "p2pnode.daemon",
    "p2pnode.leveller",
    "p2pnode.port",
    "p2pnode.service",
    "p2pnode.serving",
    "p2pnode.writer",
)
_SYNC = (*_PURE, *_WRITER, "p2pnode.proving", "p2pnode.store")

_ROOMS = {
    "p2pnode.core": Room(
        own=("p2pnode.core",),
        others=("base58", "msgpack", "msgspec", "nacl"),
        standard=_PURE_STANDARD,
    ),
    "p2pnode.consensus": _pure("p2pnode.consensus"),
    # What is given and taken is executed on the rows of consensus, and asks who is a member of good standing.
    "p2pnode.economy": Room(
        own=(
            "p2pnode.consensus.execution",
            "p2pnode.consensus.rows",
            "p2pnode.core",
            "p2pnode.economy",
            "p2pnode.governance.commons_rules",
            "p2pnode.governance.distribution_rule",
            "p2pnode.governance.mandate",
            "p2pnode.governance.tables",
        ),
        others=("msgpack", "msgspec"),
        standard=_PURE_STANDARD,
    ),
    "p2pnode.federation": _pure("p2pnode.federation"),
    # nacl seals boxes (J12), tomllib reads a charter as people write it. What a group decides is what
    # consensus agrees on: its entries are executed on consensus rows.
    "p2pnode.governance": Room(
        own=(
            "p2pnode.consensus.convocation",
            "p2pnode.consensus.execution",
            "p2pnode.consensus.format",
            "p2pnode.consensus.recovered",
            "p2pnode.consensus.rows",
            "p2pnode.consensus.rules",
            "p2pnode.core",
            "p2pnode.governance",
        ),
        others=("msgpack", "msgspec", "nacl", "tomllib"),
        standard=_PURE_STANDARD | {"tomllib"},
    ),
    "p2pnode.replication": _pure("p2pnode.replication", "zlib"),  # runs travel compressed
    "p2pnode.loop_finding": Room(
        own=("p2pnode.core", "p2pnode.economy"), others=("networkx",), standard=_PURE_STANDARD
    ),
    "p2pnode.penalties": Room(own=("p2pnode.core",), standard=_PURE_STANDARD),
    "p2pnode.vocabulary": Room(own=_PURE, standard=_PURE_STANDARD),
    "p2pnode.store": Room(
        own=(*_PURE, "p2pnode.store"), others=("sqlite_utils",), never=_HIDDEN_INPUTS | {"trio"}
    ),
    **{name: Room(own=_SYNC, never=_HIDDEN_INPUTS | {"os", "sqlite3", "threading"}) for name in _WRITER},
    "protocols": Room(
        own=(*_PURE, "protocols"),
        others=("msgpack", "msgspec", "trio"),
        never=frozenset({"random", "socket", "sqlite3"}),
    ),
    "p2pnode.net": Room(
        own=("p2pnode.clock", "p2pnode.core", "p2pnode.logs", "p2pnode.net", "protocols"),
        # multiaddr comes with libp2p, ifaddr with zeroconf.
        others=("ifaddr", "libp2p", "multiaddr", "trio", "zeroconf"),
        never=frozenset({"asyncio", "sqlite3"}),
    ),
    "p2pnode.local": Room(
        own=("p2pnode.core", "p2pnode.home", "p2pnode.local", "p2pnode.logs"),
        # pydantic, starlette and typing_extensions come with FastAPI.
        others=("fastapi", "hypercorn", "pydantic", "starlette", "trio", "typing_extensions"),
        never=frozenset({"asyncio", "random", "sqlite3"}),
    ),
    "p2pnode.importers": Room(
        own=(
            "p2pnode.core",
            "p2pnode.importers",
            "p2pnode.local.author_names",
            "p2pnode.local.naming",
            "p2pnode.local.shapes",
        ),
        others=("rdflib",),
        never=frozenset({"sqlite3"}),
    ),
    "p2pnode.exporters": Room(
        # An export is checked by the rules themselves, on a machine that has neither network nor database.
        own=(
            *_PURE,
            "p2pnode.exporters",
            "p2pnode.local.account_shapes",
            "p2pnode.local.figure_shapes",
            "p2pnode.local.shapes",
        ),
        others=("icalendar", "matplotlib", "pyarrow", "typst"),
        never=frozenset({"sqlite3"}),
    ),
    "p2pnode.commands": Room(
        own=(
            *_HOME,
            "p2pnode.commands",
            "p2pnode.core",
            "p2pnode.governance.charter",  # `charter check` needs no node
            "p2pnode.proof_summary",  # nor does `proof verify`
            "p2pnode.skill_summary",  # nor does `skills --verify`
            "p2pnode.governance.inception",  # `init` commits to the recovery phrase that it prints
            "p2pnode.exporters",
            "p2pnode.importers",
            "p2pnode.local.client",
            "p2pnode.local.account_shapes",
            "p2pnode.local.figure_shapes",
            "p2pnode.local.shapes",
            "p2pnode.logs",
            "p2pnode.recipes",
        ),
        others=("click", "rich", "segno", "typer"),
        never=frozenset({"asyncio", "sqlite3"}),
    ),
    # Stories type commands at nodes, as people do.
    "p2pnode.recipes": Room(
        own=("p2pnode.core", "p2pnode.home", "p2pnode.local.client", "p2pnode.recipes"), others=()
    ),
    **{name: Room(own=("p2pnode.core", *_HOME), never=_HIDDEN_INPUTS) for name in _HOME},
    "p2pnode.phrase": Room(own=("p2pnode.core", *_HOME), others=("mnemonic",), never=_HIDDEN_INPUTS),
    "p2pnode.sealing": Room(own=("p2pnode.core", *_HOME), others=("nacl",), never=_HIDDEN_INPUTS),
    "p2pnode.clock": Room(),
    "p2pnode.logs": Room(own=("p2pnode.core",)),
    **{
        name: Room(
            own=(
                *_ASSEMBLY,
                *_HOME,
                *_SYNC,
                "p2pnode.clock",
                "p2pnode.exporters",  # the service hands out exports, and says subjects and rules in words
                "p2pnode.local",
                "p2pnode.logs",
                "p2pnode.loop_finding",
                "p2pnode.net",
                "protocols",
            ),
            others=("trio",),
            never=frozenset({"asyncio", "sqlite3"}),
        )
        for name in _ASSEMBLY
    },
    "cli": Room(
        own=("p2pnode.commands", "p2pnode.config", "p2pnode.core"), others=("click", "rich", "typer")
    ),
}
_ASSEMBLY_ROOMS = [_ROOMS[name] for name in _ASSEMBLY]
# What else stands directly in p2pnode/ reads and prepares for the rooms above, and gets no hidden inputs.
_NAMELESS = tuple(
    module.name
    for module in tree.modules()
    if module.name.startswith("p2pnode.")
    and module.path.parent.name == "p2pnode"
    and not any(tree.is_inside(module.name, name) for name in _ROOMS)
)
_SYNC_ROOM = Room(
    own=(*_SYNC, *_NAMELESS, "p2pnode.local.shapes"), never=_HIDDEN_INPUTS | {"os", "sqlite3", "threading"}
)
_BARE = Room(own=(), others=(), standard=frozenset({"__future__", "importlib"}))


def _room(module: tree.Module) -> Room | None:
    if module.name == "p2pnode":
        return _BARE
    if module.name in _NAMELESS:
        return _SYNC_ROOM
    return next((room for name, room in _ROOMS.items() if tree.is_inside(module.name, name)), None)


def _starts_the_node(module: tree.Module, found: tree.Import) -> bool:
    return (
        module.belongs_to("p2pnode.commands")
        and tree.is_inside(found.target, "p2pnode.daemon")
        and found.function is not None
    )


def _refusal(room: Room, target: str) -> str | None:
    """Give the target back if the room may not import it."""
    top = target.partition(".")[0]
    if target == "p2pnode":  # the version
        allowed = True
    elif tree.is_own(target):
        reachable = (*room.own, *(_NAMELESS if room in _ASSEMBLY_ROOMS else ()))
        allowed = any(tree.is_inside(target, package) for package in reachable)
    elif tree.is_standard(target):
        allowed = (room.standard is None or top in room.standard) and top not in room.never
    else:
        allowed = top in room.others and top not in room.never
    return None if allowed else target


def test_every_module_has_a_room() -> None:
    homeless = [module.name for module in tree.modules() if _room(module) is None]
    assert not homeless, "give each a room in the table above, with the arrows that it needs"


@pytest.mark.parametrize("module", tree.modules(), ids=lambda module: module.name)
def test_imports_stay_inside_the_room(module: tree.Module) -> None:
    room = _room(module) or _BARE
    refused = [
        f"{module.where(found.line)} imports {found.target}"
        for found in tree.imports(module)
        if _refusal(room, found.target) and not _starts_the_node(module, found)
    ]
    assert not refused


def test_one_command_starts_the_node() -> None:
    doors = [
        module.where(found.line)
        for module in tree.modules()
        for found in tree.imports(module)
        if _starts_the_node(module, found)
    ]
    assert len(doors) <= 1, "only `up` may import the daemon"


def test_own_modules_exist() -> None:
    names = {module.name for module in tree.modules()}
    unknown = [
        f"{module.where(found.line)} imports {found.target}"
        for module in tree.modules()
        for found in tree.imports(module)
        if tree.is_own(found.target) and found.target not in names
    ]
    assert not unknown


def test_no_module_imports_in_a_circle() -> None:
    graph = {
        module.name: sorted(
            {
                found.target
                for found in tree.imports(module)
                if found.target != module.name and not found.types_only
            }
        )
        for module in tree.modules()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for target in graph.get(name, ()):
                visit(target, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.skipif(not (tree.ROOT / "cli.py").exists(), reason="cli.py is not there")
def test_the_command_line_starts_light() -> None:
    heavy = (
        "aiohttp fastapi httpx hypercorn libp2p multiaddr pydantic sqlite3 sqlite_utils trio zeroconf".split()
    )
    ours = "p2pnode.daemon p2pnode.net p2pnode.node p2pnode.store protocols".split()
    program = "import sys, cli; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tree.ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "cli" in loaded
    assert not loaded & {*heavy, *ours}

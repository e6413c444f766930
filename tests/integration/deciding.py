"""Groups of real processes that vote on blocks: founding them, and asking what they have decided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pnode.consensus.format import VOTE_TYPE, Vote, decode_votes
from p2pnode.core.errors import UsageError
from p2pnode.core.ids import Lane
from p2pnode.replication.run import stored_header
from p2pnode.serving import GroupReader
from tests.integration.nodes import Running, eventually

QUICK = "delta_seconds = 2\n"
"""When two propose at the same moment, the view is given up after four times delta."""


def voters(node: Running, group: str) -> int:
    """How many vote on blocks, as a node knows it."""
    return len(node.client.get("/group", group=group)["voters"])


def statuses(node: Running, group: str) -> dict[str, str]:
    """How members stand, by their names."""
    return {row["name"]: row["status"] for row in node.client.get("/members", group=group)}


def are_members(nodes: Sequence[Running], group: str, count: int) -> bool:
    """Whether so many are members everywhere, finally."""
    return all(list(statuses(node, group).values()).count("member") == count for node in nodes)


def found_together(nodes: Sequence[Running], folder: Path, charter: str) -> str:
    """A group that all nodes found, each with a vote, by handing files around."""
    author, *others = nodes
    terms, draft = folder / "charter.toml", folder / "orchard.founding"
    terms.write_text(charter, encoding="utf-8")
    offers: list[str] = []
    for node in others:
        offer = folder / f"{node.name}.offer"
        node.done("group", "offer", str(offer), "--my-name", node.name)
        offers += ["--with", str(offer)]
    words = ("--charter", str(terms), *offers, "-o", str(draft), "--my-name", author.name)
    author.done("group", "found", "orchard", *words)
    for node in others:
        node.done("group", "sign", str(draft), "--yes")
    author.done("group", "open", str(draft))
    for node in others:
        node.done("group", "open", str(draft))
    group: str = author.status()["groups"][0]["id"]
    eventually("all hold the group", lambda: are_members(nodes, group, len(nodes)), within_s=120)
    return group


def propose(node: Running, group: str, *words: str) -> str:
    """Put something to the group: its entry calls for a block."""
    return str(node.done("propose", *words, "-g", group)["entry"])


def is_final(nodes: Sequence[Running], group: str, entry: str) -> bool:
    """Whether a block has ordered an entry, on all of these nodes."""
    return all(_state(node, group, entry) == "final" for node in nodes)


def _state(node: Running, group: str, entry: str) -> str:
    try:
        detail = node.client.get("/entry", entry=entry)
    except UsageError as error:
        assert error.rule == "entry.unknown", error
        return ""
    assert detail["row"]["group"] == group
    return str(detail["row"]["state"])


def decided(nodes: Sequence[Running], group: str, entry: str, what: str) -> None:
    """Wait until an entry is final on all of these nodes."""
    eventually(what, lambda: is_final(nodes, group, entry), within_s=120)


def waiting(node: Running, group: str) -> dict[str, Any]:
    """What the next block waits for, as a node knows it."""
    answer: dict[str, Any] = node.client.get("/waiting", group=group)
    return answer


def votes_by_voter(node: Running, group: str) -> dict[bytes, list[Vote]]:
    """Every vote that a node holds, by the device that cast it; the node may be off."""
    reader = GroupReader(bytes.fromhex(group), str(node.home.group_db(bytes.fromhex(group))))
    found: dict[bytes, list[Vote]] = {}
    with reader.reading() as queries:
        for lane in queries.lanes():
            if lane.lane == Lane.VOTES:
                for stored in queries.entries(lane.number, 0, lane.seq):
                    if stored_header(stored.header).type == VOTE_TYPE:
                        found.setdefault(lane.author, []).extend(decode_votes(stored.payload or b""))
    reader.close()
    return found


def contradictions(votes: Sequence[Vote]) -> list[tuple[int, int, int]]:
    """Where one voter said two things that exclude each other: (height, attempt, view)."""
    said: dict[tuple[int, int, int], set[tuple[str, bytes]]] = {}
    for vote in votes:
        said.setdefault((vote.height, vote.attempt, vote.view), set()).add((vote.kind, vote.block))
    return sorted(
        place
        for place, words in said.items()
        if len([word for word in words if word[0] == "N"]) > 1
        or len([word for word in words if word[0] != "N"]) > 1
    )

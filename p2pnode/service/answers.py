"""Questions between peers (`/p2pnode/query/1`): what is asked, what is answered, and what an answer proves.

A question is an array [name, arguments...]; an answer is a map with the facts and, under "entries", the
entries (header, signature, payload) from which whoever asked can check them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2pnode.core.codec import Value
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import check_alone, decode_header
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import did_of, id_of_text, peer_id_of
from p2pnode.core.limits import RUN_BYTES_MAX
from p2pnode.governance.access import lanes_readable
from p2pnode.local.shapes import Question
from p2pnode.peerbook import ADDRESSES_PER_PEER_MAX
from p2pnode.plain import plain
from p2pnode.port import HeldGroup
from p2pnode.replication.level import wanted_of
from p2pnode.service import levels
from p2pnode.service.context import Context
from p2pnode.store.group_file import GroupQueries, number_and_seq

ADDRESSES_PEERS_MAX = 64
_ENTRIES_MAX = 100
_HEADS_MAX = 1000


def question_of(question: Question, group: bytes | None) -> Value:
    """The array that asks what a user wants to know. Errors: UsageError query.bad_question."""
    name = question["name"]
    if name == "groups":
        return ["groups"]
    if name == "entry":
        try:
            entry_id = id_of_text(question.get("entry", ""))
        except FormatError as error:
            raise UsageError(
                "query.bad_question",
                "an entry is asked for by its whole id",
                "p2pnode log show --json has ids",
            ) from error
        if group is None:
            raise _needs_group()
        return ["entry", group, entry_id]
    if group is None:
        raise _needs_group()
    if name == "log":
        return ["log", group, min(question.get("limit", 20), _ENTRIES_MAX)]
    return [name, group]


def _needs_group() -> UsageError:
    return UsageError("query.bad_question", "this question is about a group", "add --group NAME")


def checked(answer: Value) -> tuple[Any, int]:
    """An answer for JSON, and how many entries in it were verified here. Errors: PeerError-like
    FormatError.
    """
    if type(answer) is not dict:
        raise TypeError("an answer is a map")
    proven = 0
    for fields in answer.get("entries", []):
        header, signature, payload = fields
        check_alone(header, signature, payload)
        proven += 1
    return plain({name: value for name, value in answer.items() if name != "entries"}), proven


class Answerer:
    """Answers peers' questions by what J23 lets them read."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Value) -> Value:
        """The answer to one question. Errors: UsageError query.*."""
        if type(question) is not list or not question or type(question[0]) is not str:
            raise UsageError("query.bad_question", "a question is an array that starts with its name")
        name, arguments = question[0], question[1:]
        keys = keys | {peer}
        if name == "groups":
            return {"groups": [self._group_row(held, keys) for held in self._visible(keys)]}
        wanted = wanted_of(question)
        gone = self._gone(arguments, peer) if wanted is not None else None
        if wanted is not None and gone is not None:
            return await self._context.query(
                gone, lambda queries: levels.answer_to_gone(queries, wanted, peer)
            )
        held = self._held(arguments, keys)
        if name == "frontier":
            return self._frontier(held, keys)
        if name == "members":
            self._require_member(held, keys)
            return await self._context.query(held, lambda queries: _members(held, queries))
        if name == "addresses":
            self._require_member(held, keys)
            return {"peers": self._addresses(held)}
        if wanted is not None:
            self._require_member(held, keys)
            return await self._context.query(held, lambda queries: levels.answer_to(queries, wanted))
        lanes = lanes_readable(held.state, keys)
        if name == "log" and len(arguments) == 2 and type(arguments[1]) is int:
            count = max(1, min(arguments[1], _ENTRIES_MAX))
            return await self._context.query(held, lambda queries: _newest(queries, lanes, count))
        if name == "entry" and len(arguments) == 2 and type(arguments[1]) is bytes:
            return await self._context.query(held, lambda queries: _entry(queries, lanes, arguments[1]))
        raise UsageError("query.unknown", f"this node has no answer to {name[:40]!r}")

    def _visible(self, keys: frozenset[bytes]) -> list[HeldGroup]:
        return [held for held in self._context.port.groups().values() if lanes_readable(held.state, keys)]

    def _held(self, arguments: list[Value], keys: frozenset[bytes]) -> HeldGroup:
        group = arguments[0] if arguments else None
        held = self._context.port.groups().get(group) if type(group) is bytes else None
        if held is None or not lanes_readable(held.state, keys):
            # The same words whether it is unknown or private: asking must not reveal who is in it.
            raise UsageError("query.unknown_group", "this node tells nothing of that group")
        return held

    def _gone(self, arguments: list[Value], peer: bytes) -> HeldGroup | None:
        """The group of which a peer was a member, also a private one: that it was there is no news to it."""
        group = arguments[0] if arguments else None
        held = self._context.port.groups().get(group) if type(group) is bytes else None
        return held if held is not None and held.state.standing(peer) == "removed" else None

    def _require_member(self, held: HeldGroup, keys: frozenset[bytes]) -> None:
        if not any(held.state.standing(key) in ("member", "provisional") for key in keys):
            raise levels.members_only()

    def _group_row(self, held: HeldGroup, keys: frozenset[bytes]) -> Value:
        lanes = lanes_readable(held.state, keys)
        heads = [head for head in held.frontier.heads.values() if head.lane in lanes]
        return {
            "id": held.group,
            "name": held.name,
            "entries": sum(head.seq + 1 for head in heads),
            "digest": held.frontier.digest(lanes),
        }

    def _frontier(self, held: HeldGroup, keys: frozenset[bytes]) -> Value:
        lanes = lanes_readable(held.state, keys)
        heads = [head for _, head in sorted(held.frontier.heads.items()) if head.lane in lanes][:_HEADS_MAX]
        return {
            "digest": held.frontier.digest(lanes),
            "heads": [[head.author, head.lane, head.seq, head.id, head.forked] for head in heads],
        }

    def _addresses(self, held: HeldGroup) -> Value:
        own = self._context.port.own_key
        bare = [address.partition("/p2p/")[0] for address in self._context.addresses()]
        rows: list[Value] = [[own, bare[:ADDRESSES_PER_PEER_MAX]]]
        for key, known in sorted(self._context.book.peers.items()):
            if known.addresses and key != own and held.state.standing(key) in ("member", "provisional"):
                rows.append([key, known.addresses[:ADDRESSES_PER_PEER_MAX]])
        return rows[:ADDRESSES_PEERS_MAX]


def addresses_of(answer: Value) -> list[tuple[bytes, list[str]]]:
    """Peers and their addresses in the answer to an "addresses" question; what has another shape is left
    out.
    """
    rows = answer.get("peers") if type(answer) is dict else None
    found: list[tuple[bytes, list[str]]] = []
    for row in rows[:ADDRESSES_PEERS_MAX] if type(rows) is list else []:
        if type(row) is list and len(row) == 2 and type(row[0]) is bytes and type(row[1]) is list:
            addresses = [
                text for text in row[1] if type(text) is str and len(text) <= 256 and text.startswith("/")
            ]
            if len(row[0]) == 32 and addresses:
                found.append((row[0], addresses[:ADDRESSES_PER_PEER_MAX]))
    return found


_Fields = tuple[bytes, bytes | None, bytes | None]


def signature_in(answer: Value, entry: bytes) -> bytes | None:
    """The verified signature of one entry in the answer to an "entry" question, if it is there."""
    rows = answer.get("entries") if type(answer) is dict else None
    for row in rows[:1] if type(rows) is list else []:
        try:
            found = check_alone(*row)
        except (FormatError, TypeError):
            return None
        return found.signature if found.id == entry else None
    return None


def header_in(answer: Value, entry: bytes) -> bytes | None:
    """The header of one entry in the answer to an "entry" question, if it is there; its id vouches for it."""
    if type(answer) is not dict:
        return None
    header = answer.get("header")
    rows = answer.get("entries")
    if header is None and type(rows) is list and rows and type(rows[0]) is list and rows[0]:
        header = rows[0][0]
    return header if type(header) is bytes and sha256(header) == entry else None


def _packed(entries: Sequence[_Fields]) -> Value:
    return [
        [header, signature, payload]
        for header, signature, payload in entries
        if signature and payload is not None
    ]


def _members(held: HeldGroup, queries: GroupQueries) -> Value:
    rows = [
        {
            "id": member.id,
            "status": member.status,
            "devices": [did_of(device) for device in member.devices],
            "peers": [peer_id_of(device) for device in member.devices],
        }
        for member in held.state.members.values()
    ]
    founding = queries.founding()
    proofs: list[_Fields] = [(founding.header, founding.signature, founding.payload)]
    proofs += [(item.entry.header, item.entry.signature, item.entry.payload) for item in queries.governed()]
    return {"members": rows, "entries": _packed(proofs)}


def _newest(queries: GroupQueries, lanes: frozenset[int], count: int) -> Value:
    entries: list[tuple[int, bytes, bytes | None, bytes | None]] = []
    for lane in queries.lanes():
        if lane.lane in lanes and lane.seq >= 0:
            entries += [
                (lane.time_ms, stored.header, stored.signature, stored.payload)
                for stored in queries.entries(lane.number, max(0, lane.seq - count + 1), lane.seq)
            ]
    size = 0
    kept: list[_Fields] = []
    for _, header, signature, payload in sorted(entries, key=lambda row: -row[0])[:count]:
        size += len(header) + len(payload or b"")
        if size > RUN_BYTES_MAX:
            break
        kept.append((header, signature, payload))
    return {"count": len(kept), "entries": _packed(kept)}


def _entry(queries: GroupQueries, lanes: frozenset[int], entry_id: bytes) -> Value:
    position = queries.position_of_id(entry_id)
    stored = None if position is None else queries.entry_at(position)
    if position is None or stored is None:
        dead = queries.dead_header(entry_id)
        if dead is not None and decode_header(dead).lane in lanes:
            return {"found": True, "entries": [], "header": dead}
        return {"found": False, "entries": []}
    number, _ = number_and_seq(position)
    if not any(lane.number == number and lane.lane in lanes for lane in queries.lanes()):
        return {"found": False, "entries": []}
    return {"found": True, "entries": _packed([(stored.header, stored.signature, stored.payload)])}

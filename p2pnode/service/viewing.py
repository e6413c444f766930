"""A group at one moment, for its user: the rows of the last final block, and what is provisional on top.

Read in worker threads on a connection of its own. What is provisional is shown as such and executed by the
same rules as blocks are (J37).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core.annex import decode_annex
from p2pnode.core.crypto import ZERO_HASH
from p2pnode.core.entry import VERSION, Entry, Header, encode_header, payload_fields, read_entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import DeviceKey, GroupId, Lane
from p2pnode.describing import Describer
from p2pnode.governance import tables
from p2pnode.governance.tables import MemberRow
from p2pnode.local.naming import Named, choose
from p2pnode.replication.run import stored_entry
from p2pnode.service.provisional import PROVISIONAL_MAX, Provisional
from p2pnode.store.chain_tables import ChainQueries
from p2pnode.store.group_file import GroupQueries, number_and_seq
from p2pnode.vocabulary import execute_entry


@dataclass(slots=True)
class GroupView:
    """Shapes: final are the rows of the last block, rows those with provisional entries on top; provisional
    gives for each such entry the rule by which it would be void, or nothing; agent_names are those that
    were looked up. Entries that call for no order
    are on top only where what was executed of them is kept (`facts`), since there may be many.
    """

    group: bytes
    queries: GroupQueries
    describer: Describer
    own_key: bytes
    now_ms: int
    facts: Provisional | None = None
    final: ChainQueries = field(init=False)
    rows: State = field(init=False)
    provisional: dict[bytes, str] = field(init=False)
    agent_names: dict[bytes, str] = field(init=False, default_factory=dict)
    _above: BlockContext = field(init=False)

    def __post_init__(self) -> None:
        self.final = self.queries.chain
        self.rows = State(self.final)
        self.provisional = {}
        tip = self.final.tip()
        height = 1 if tip is None else tip.height + 1
        previous = self.group if tip is None else tip.id
        self._above = BlockContext(self.group, height, self.now_ms, previous, True)
        if self.facts is not None:
            self.rows, self.provisional = self.facts.read(self.queries, self._above)
            return
        for entry in self._undecided():
            self.provisional[entry.id] = execute_entry(self.rows, entry, self._above) or ""

    def _undecided(self) -> list[Entry]:
        lanes = {lane.number: lane for lane in self.queries.lanes()}
        found: list[Entry] = []
        for item in self.queries.undecided():
            number, seq = number_and_seq(item.position)
            lane = lanes[number]
            if seq <= lane.last_usable and item.entry.payload is not None:
                found.append(stored_entry(item.entry))
        return sorted(found, key=lambda entry: (entry.header.depth, entry.id))[:PROVISIONAL_MAX]

    def void_rule_of(self, type_: str, payload: bytes) -> str | None:
        """The rule by which an entry of this device would be void, were it ordered now, or None."""
        return self.void_rules_of(type_, (payload,))[0]

    def void_rules_of(self, type_: str, payloads: Sequence[bytes]) -> list[str | None]:
        """The same for entries one after the other: each is judged after those before it."""
        rows = self.rows.overlay()
        return [execute_entry(rows, self._own_entry(type_, payload), self._above) for payload in payloads]

    def _own_entry(self, type_: str, payload: bytes) -> Entry:
        header = Header(
            VERSION,
            GroupId(self.group),
            DeviceKey(self.own_key),
            Lane.LOCAL.value,
            0,
            ZERO_HASH,
            0,
            self.now_ms,
            (),
            type_,
            *payload_fields(payload),
        )
        return read_entry(encode_header(header), None, payload)

    @property
    def context(self) -> BlockContext:
        """The block that would come next, for asking rules."""
        return self._above

    # ---- who is who

    @property
    def me(self) -> tuple[bytes, MemberRow]:
        """The member for whom this device speaks. Errors: UsageError member.not_one."""
        found = tables.speaker_of(self.rows, self.own_key)
        if found is None:
            raise UsageError(
                "member.not_one",
                "this device speaks for no member of the group",
                "p2pnode why GROUP tells how you stand; a member can invite you: p2pnode invite",
            )
        return found

    def name(self, member_id: bytes) -> str:
        """What a member is called, or the start of the id."""
        return self.describer.member_name(member_id)

    def names(self, member_ids: Iterable[bytes]) -> list[str]:
        """What several members are called; two of one name are told apart."""
        return self.describer.member_names(member_ids)

    def member(self, word: str) -> bytes:
        """The member whom a person means: me, a name, an id or the start of one, or a device.

        Errors: UsageError member.unknown, member.ambiguous.
        """
        if word == "me":
            return self.me[0]
        present = {
            member_id: row
            for member_id, row in tables.members(self.rows)
            if row.status in ("member", "provisional")
        }
        candidates = [Named(member_id.hex(), self.name(member_id)) for member_id in present]
        return bytes.fromhex(choose("member", word, candidates, where="p2pnode members"))

    def former_member(self, word: str) -> bytes:
        """A member of the past, by name, or by an id or the start of one. Errors: UsageError member.*."""
        candidates = [
            Named(member_id.hex(), self.name(member_id))
            for member_id, row in tables.members(self.rows)
            if row.status in ("left", "removed")
        ]
        return bytes.fromhex(choose("member", word, candidates, where="p2pnode members"))

    def petitioner_name(self, annex: bytes | None) -> str:
        """The name in a newcomer's annex, or nothing."""
        return self.text(annex, "name")

    def text(self, annex: bytes | None, name: str) -> str:
        """One text of an annex, or nothing where it is not here."""
        held = self.queries.annexes([annex]) if annex is not None else []
        try:
            text = decode_annex(held[0]).get(name, "") if held else ""
        except FormatError:
            return ""
        return text if isinstance(text, str) else ""

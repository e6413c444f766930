"""The node: `handle(event, now) -> effects`, the only writer, the only place where decisions meet.

Each event is one transaction, or shares one with its neighbours. Own entries are promised durably in
node.db before the group's transaction commits; their bytes stay there until the group's file is known to be
on disk (J34). What lives in memory is adopted after COMMIT, and effects come last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from p2pnode import opening, views
from p2pnode.authoring import check_items
from p2pnode.chain import driving, leading
from p2pnode.chain.parting import WORDS
from p2pnode.consensus.format import BODY_BYTES_MAX
from p2pnode.core.annex import annexes_named
from p2pnode.core.crypto import SigningKey, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, Entry, check_alone
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import (
    Alert,
    AnnexesReceived,
    AnnexesWanted,
    Append,
    CatchUp,
    ClockHeard,
    ConfirmClock,
    CursorsNoted,
    Effect,
    Event,
    Forget,
    ForkFound,
    ForkShown,
    Found,
    HeaderFound,
    HeaderWanted,
    HeadsConfirmed,
    Item,
    JoinAsked,
    Joined,
    Leave,
    LevelAnswered,
    LevelAsked,
    Moved,
    OpenGroup,
    PeerNoted,
    PeersPresent,
    Penalize,
    PrepareJoin,
    Received,
    Regrouped,
    Reply,
    SignatureFound,
    SignatureWanted,
    WakeAt,
    Woke,
)
from p2pnode.core.ids import Lane
from p2pnode.core.limits import ANNEX_BYTES_MAX
from p2pnode.governance import leaving
from p2pnode.governance.clock import FAULTS, may_sign
from p2pnode.governance.member_types import NEWCOMER_TYPES, OPEN_TYPES
from p2pnode.governance.state import PETITION_RULES, may_admit
from p2pnode.group_change import Change
from p2pnode.group_log import GroupLog
from p2pnode.replication.exchange import Ingested
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.ingest import Apart, Refused, Taken
from p2pnode.replication.run import decode_runs
from p2pnode.store.group_file import number_and_seq, position_of
from p2pnode.store.node_file import NodeFile, PeerRow
from p2pnode.store.shelf import Shelf

PROMISES_MAX = 4096
"""Promises kept in node.db before the group's file is put on disk and they are forgotten."""

VIEW_SLICE_ENTRIES = 500
SPARE_SLICE_ENTRIES = 64
"""Folded into views at a time when nobody waits for them: what comes meanwhile waits that long, some 2 ms."""

CHECK_SLICE_ENTRIES = 64
CHECK_PAUSE_MS = 500
"""Signatures that a run vouched for are checked one by one in spare time, at under one per cent of a core."""

HEADER_PAUSE_MS = 10 * 60 * 1000
HEADERS_ASKED_MAX = 4096


class Admission(NamedTuple):
    """The answer to a newcomer. Shapes: state is "admitted", "petition" or "void"."""

    state: str
    rule: str | None
    founding: tuple[bytes, bytes, bytes]


@dataclass(slots=True)
class _Promised:
    """Numbers of promises of one group: the last made, those on disk in the group's file, those forgotten."""

    last: int = 0
    settled: int = 0
    forgotten: int = 0


class Node:
    """All groups of one device. Everything happens in `handle`; one thread at a time calls it."""

    def __init__(
        self,
        key: SigningKey,
        node_file: NodeFile,
        shelf: Shelf,
        random: Callable[[int], bytes],
    ) -> None:
        self.key = key
        self.node_file = node_file
        self.shelf = shelf
        self.random = random
        self.logs: dict[bytes, GroupLog] = {}
        self.restored: set[bytes] = set()
        self.present: frozenset[bytes] = frozenset()
        self._promised: dict[bytes, _Promised] = {}
        self._clock_offsets_ms: dict[bytes, int] = {}
        self._headers_asked_ms: dict[bytes, int] = {}
        self._is_clock_confirmed = False

    def start(self, *, is_restored: bool) -> list[Effect]:
        """Open every group, repair what a power cut left half done, and say what there is."""
        return opening.start(self, is_restored=is_restored)

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """What follows from one event. Units: now_ms is wall time."""
        return self.handle_all([event], now_ms)

    def handle_all(self, events: Sequence[Event], now_ms: int) -> list[Effect]:
        """What follows from several events in their order; neighbours of one kind share a transaction."""
        effects: list[Effect] = []
        for (kind, group), batch in groupby(
            events, key=lambda event: (type(event), getattr(event, "group", b""))
        ):
            if kind is Append:
                effects += self.append_all(
                    group, [event for event in batch if isinstance(event, Append)], now_ms
                )
            elif kind is Received:
                effects += self.receive_all(
                    group, [event for event in batch if isinstance(event, Received)], now_ms
                )
            else:
                for event in batch:
                    effects += self._one(event, now_ms)
        return effects + self._duties(now_ms)

    def _one(self, event: Event, now_ms: int) -> list[Effect]:
        request = getattr(event, "request", None)
        try:
            return self._dispatch(event, now_ms)
        except (UsageError, FormatError) as error:
            return [Reply(request, error=error)]

    def _dispatch(self, event: Event, now_ms: int) -> list[Effect]:
        match event:
            case PeerNoted() | CursorsNoted() | ClockHeard() | ConfirmClock() | PeersPresent():
                return self._note(event)
            case Found() | OpenGroup():
                return opening.found(self, event, now_ms)
            case PrepareJoin():
                return opening.prepare_join(self, event, now_ms)
            case Joined():
                return opening.joined(self, event)
            case JoinAsked():
                return self._admit(event, now_ms)
            case ForkShown():
                return self._take_fork(event)
            case AnnexesReceived():
                return self.take_annexes(event)
            case SignatureFound() | HeaderFound():
                return self._take_found(event)
            case HeadsConfirmed():
                return self._confirm_heads(event)
            case CatchUp():
                return self._catch_up(event)
            case Leave():
                item = Item(leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))
                return self.append_all(event.group, [Append(event.request, event.group, (item,))], now_ms)
            case Forget():
                return opening.forget(self, event)
            case Woke():
                return self._spare_time(now_ms)
            case LevelAsked() | LevelAnswered():
                return leading.take(self, event, now_ms)
            case _:
                assert not isinstance(event, Append | Received), "appends and runs come in batches"
                return driving.take(self, event, now_ms)

    def _note(
        self, event: PeerNoted | CursorsNoted | ClockHeard | ConfirmClock | PeersPresent
    ) -> list[Effect]:
        """Remember something that is no entry."""
        match event:
            case ClockHeard():
                # Strangers are many and cost nothing: their clocks must not keep anybody from signing.
                if any(log.state.standing(event.peer) == "member" for log in self.logs.values()):
                    self._clock_offsets_ms[event.peer] = event.offset_ms
            case PeerNoted():
                with self.node_file.write() as transaction:
                    transaction.put_peer(
                        PeerRow(event.peer, event.addresses, event.is_wanted, event.is_blocked, event.seen_ms)
                    )
            case CursorsNoted():
                with self.node_file.write() as transaction:
                    for cursor in event.cursors:
                        transaction.put_cursor(*cursor)
                        if cursor[1] in self.logs:
                            transaction.put_moves(cursor[1], self.logs[cursor[1]].changed)
            case PeersPresent():
                # Timers of decisions run or stand still by who is here (R6).
                self.present = event.peers
                for log in self.logs.values():
                    log.chain.is_stirred = True
                    log.level.ask_again()
            case ConfirmClock():
                self._is_clock_confirmed = True
                return [Reply(event.request)]
        return []

    # ---- own entries

    def append_all(self, group: bytes, events: Sequence[Append], now_ms: int) -> list[Effect]:
        """Write own entries, all in one transaction or none."""
        log = self.logs.get(group)
        is_voting = all(item.lane == Lane.VOTES for event in events for item in event.items)
        refusal = self.refusal(log, now_ms, is_voting=is_voting)
        if refusal is not None and refusal.rule == "member.not_one" and _judge_themselves(events):
            refusal = None
        if log is None or refusal is not None:
            return [Reply(event.request, error=refusal) for event in events]
        replies: list[Effect] = []
        accepted: list[Append] = []
        for event in events:
            try:
                check_items(event.items)
            except FormatError as error:
                replies.append(Reply(event.request, error=error))
            else:
                accepted.append(event)
        items = [item for event in accepted for item in event.items]
        try:
            with log.change(durable=False) as change:
                entries = iter(change.append_all(items, now_ms))
                annexes = [annex for item in items for annex in item.annexes]
                self.promise(log, change.own_entries, annexes)
        except UsageError as error:
            # Rolled back: what stops one append stops its neighbours too.
            return [*replies, *(Reply(event.request, error=error) for event in accepted)]
        replies += [Reply(event.request, tuple(islice(entries, len(event.items)))) for event in accepted]
        held = self._promised.get(group)
        if held is not None and held.last - held.forgotten > PROMISES_MAX:
            self.settle(log)
        return [*replies, *self.effects_of(log, change)]

    def refusal(self, log: GroupLog | None, now_ms: int, *, is_voting: bool) -> UsageError | None:
        """Why nothing may be signed now, or None; a voter who goes votes until a block lets it go."""
        if log is None:
            return UsageError(
                "group.unknown", "this node is not in that group", "p2pnode group list shows its groups"
            )
        if log.group in self.restored:
            return UsageError(
                "restore.unconfirmed",
                "this home was restored or moved, so nothing is signed until a member of the group has "
                "confirmed"
                " where our log ends",
                "wait until a member is reachable (p2pnode peers list), or join again with a new key in "
                "a new profile",
            )
        parting = log.level.parting
        if parting is not None:
            return UsageError(
                "member.not_one",
                f"this device writes nothing more in the group: {WORDS[parting.status]}",
                "p2pnode why GROUP tells how you stand; a member can invite you: p2pnode invite",
            )
        is_needed = is_voting and self.key.public in log.chain.voting_keys
        if not is_needed and log.state.standing(self.key.public) in (None, "removed"):
            return UsageError(
                "member.not_one", "this device is not a member of the group", "ask a member for an invitation"
            )
        own = [lane.time_ms for number in Lane if (lane := log.lane(self.key.public, number)) is not None]
        offsets = [self._clock_offsets_ms[peer] for peer in sorted(self._clock_offsets_ms)]
        rule = None if self._is_clock_confirmed else may_sign(now_ms, max(own, default=None), offsets)
        if rule is None:
            return None
        return UsageError(
            rule,
            FAULTS[rule],
            "set the clock, then run p2pnode down and p2pnode up; if the clock is right, start once by "
            "P2PNODE_SIGN_CONFIRM=true p2pnode up",
        )

    def promise(self, log: GroupLog, entries: Sequence[Entry], annexes: Sequence[bytes]) -> None:
        """Make own entries and their annexes durable before their group's transaction commits and before
        anybody hears of them.
        """
        if not entries:
            return
        held = self._promised.setdefault(log.group, _Promised())
        with self.node_file.write() as transaction:
            held.last = transaction.promise(entries, annexes)
            if held.settled > held.forgotten:
                transaction.forget_promises(log.group, held.settled)
                held.forgotten = held.settled

    def settle(self, log: GroupLog) -> None:
        """Put a group's file on disk; its promises are forgotten with the next ones."""
        held = self._promised.get(log.group)
        if held is not None and held.last > held.settled:
            log.file.settle(held.last)
            held.settled = held.last

    def close(self) -> None:
        """Put everything on disk and close the files."""
        for group in sorted(self.logs):
            self.settle(self.logs[group])
            self.logs[group].file.close()
        self.node_file.close()

    # ---- consensus

    def _duties(self, now_ms: int) -> list[Effect]:
        """Vote, propose and commit in the groups where something stirred."""
        effects: list[Effect] = []
        for group in sorted(self.logs):
            chain = self.logs[group].chain
            if chain.is_due(now_ms):
                effects += driving.decide(self, self.logs[group], now_ms)
            elif chain.wake_at_ms is not None:
                # Asked for again: whoever keeps one time keeps the earliest, and this one was the later.
                effects.append(WakeAt(chain.wake_at_ms))
        return effects

    # ---- what peers send

    def receive_all(self, group: bytes, events: Sequence[Received], now_ms: int) -> list[Effect]:
        log = self.logs.get(group)
        if log is None:
            return [Reply(event.request, Ingested(0, waiting="group.unknown")) for event in events]
        effects: list[Effect] = []
        with log.change() as change:
            answers = [self._receive(change, event, now_ms) for event in events]
        if log.chain.bodies.take_named():
            effects.append(Regrouped(log.group, log.state, log.frontier.epoch))
        for event, answer in zip(events, answers, strict=True):
            effects.append(Reply(event.request, answer))
            if answer.refused is not None:
                effects.append(Penalize(event.peer, answer.refused))
        own = [lane for lane in change.lanes.values() if lane.author == self.key.public]
        if own:
            with self.node_file.write() as transaction:
                for lane in own:
                    transaction.raise_mark(group, lane.lane, lane.seq, lane.id)
        return [*effects, *self.effects_of(log, change)]

    def _receive(self, change: Change, event: Received, now_ms: int) -> Ingested:
        try:
            runs = decode_runs(event.frame, compressed=event.is_compressed)
        except FormatError as error:
            return Ingested(0, refused=error.rule)
        stored, waiting, suspect = 0, None, None
        for run in runs:
            if run.group != event.group:
                return Ingested(stored, refused="run.other_group")
            outcome = change.take(run, now_ms)
            match outcome:
                case Taken():
                    stored += len(outcome.rows)
                    change.keep_named(outcome.rows, event.annexes)
                    waiting = outcome.waiting or waiting
                case Refused(rule):
                    return Ingested(stored, rule, waiting, suspect)
                case Apart("lane.other_branch", seq):
                    suspect = (run.author, run.lane, seq)
                case Apart(rule):
                    waiting = rule
        return Ingested(stored, None, waiting, suspect)

    def _admit(self, event: JoinAsked, now_ms: int) -> list[Effect]:
        log = self.logs.get(event.group)
        if log is None:
            raise UsageError(
                "join.unknown_group", "this node is not in that group", "ask for a new invitation"
            )
        entries = [check_alone(*fields) for fields in event.entries]
        founding = log.file.founding()
        packed = (founding.header, founding.signature, founding.payload)
        fault = opening.handed_in_fault(event.group, event.peer, entries)
        if fault is not None:
            return [Reply(event.request, Admission("void", fault, packed))]
        rules = [may_admit(log.state, entry) for entry in entries if entry.header.type in NEWCOMER_TYPES]
        is_known = bool(entries) and log.state.standing(entries[0].author) in ("member", "provisional")
        rule = None if is_known or None in rules else rules[-1] if rules else "join.no_join"
        if rule is not None and rule not in PETITION_RULES:
            return [Reply(event.request, Admission("void", rule, packed))]
        effects: list[Effect] = []
        with log.change() as change:
            outcome = change.take(opening.run_of(entries), now_ms)
            named = {name for entry in entries for name in annexes_named(entry.payload or b"")}
            for annex in event.annexes:
                if len(annex) <= ANNEX_BYTES_MAX and sha256(annex) in named:
                    change.add_annex(annex)
        if isinstance(outcome, Refused):
            return [Reply(event.request, Admission("void", outcome.rule, packed))]
        state = "admitted" if rule is None else "petition"
        effects.append(Reply(event.request, Admission(state, rule, packed)))
        return [*effects, *self.effects_of(log, change)]

    def _take_fork(self, event: ForkShown) -> list[Effect]:
        log = self.logs.get(event.group)
        if log is None:
            return [Reply(event.request)]
        try:
            proof = check_fork_proof(event.proof)
        except FormatError as error:
            return [Reply(event.request, error.rule), Penalize(event.peer, error.rule)]
        if proof.group != event.group:
            return [Reply(event.request, "fork.other_group"), Penalize(event.peer, "fork.other_group")]
        with log.change() as change:
            # Of somebody unknown here it may come too early; whoever shows it is not to blame for that.
            is_new = change.may_seal(proof) and change.seal(event.proof, proof)
        effects: list[Effect] = [Reply(event.request, None), *self.effects_of(log, change)]
        if is_new:
            effects.append(ForkFound(event.group, proof.author, event.proof))
            effects += driving.own_fork(self, log, proof.author)
        return effects

    def take_annexes(self, event: AnnexesReceived) -> list[Effect]:
        log = self.logs.get(event.group)
        if log is None:
            return [Reply(event.request, 0)]
        kept = 0
        bodies = log.chain.bodies.wanted
        with log.change(durable=False) as change:
            headers = [log.chain.take_header(annex) for annex in event.annexes]
            for annex in event.annexes:
                annex_hash = sha256(annex)
                bytes_max = BODY_BYTES_MAX if annex_hash in bodies else ANNEX_BYTES_MAX
                if len(annex) <= bytes_max and change.transaction.is_wanted_annex(annex_hash):
                    change.add_annex(annex)
                    kept += 1
        came = [annex for annex in event.annexes if sha256(annex) in bodies]
        effects: list[Effect] = [Reply(event.request, kept)]
        if log.file.wanted_annexes(1):
            # This peer has not all that is wanted, and kept others from being asked meanwhile.
            effects.append(AnnexesWanted(log.group))
        named = [body_hash for body_hash in headers if body_hash is not None]
        if named:
            with log.change(durable=False) as change:
                for body_hash in named:
                    change.want_annex(body_hash)
            bodies.update(named)
            effects += self.effects_of(log, change)
        for body in came:
            log.chain.take_body(body)
        if log.chain.bodies.take_named():
            # What a block names is taken now, so it may be asked for again.
            effects.append(Regrouped(log.group, log.state, log.frontier.epoch))
        return effects

    def _confirm_heads(self, event: HeadsConfirmed) -> list[Effect]:
        log = self.logs.get(event.group)
        if log is None or event.group not in self.restored or event.peer == self.key.public:
            return []
        if log.state.standing(event.peer) in (None, "removed"):
            return []
        effects = opening.put_back(self, log)
        if opening.is_behind_marks(self, log):
            return effects
        with self.node_file.write() as transaction:
            transaction.set_membership_state(event.group, "member")
        self.restored.discard(event.group)
        return [
            *effects,
            Alert(
                "restore.confirmed",
                "a member has confirmed where our log ends; writing goes on",
                {"group": event.group.hex()},
            ),
        ]

    # ---- spare time

    def _catch_up(self, event: CatchUp) -> list[Effect]:
        effects: list[Effect] = []
        log = self.logs.get(event.group)
        while log is not None and views.is_behind(log):
            effects += self._fold_views(log, VIEW_SLICE_ENTRIES)
        return [Reply(event.request), *effects]

    def _fold_views(self, log: GroupLog, entries_max: int) -> list[Effect]:
        with log.change(durable=False) as change:
            views.fold_slice(log, change, entries_max)
        return [AnnexesWanted(log.group)] if change.has_new_annex_wants else []

    def _spare_time(self, now_ms: int) -> list[Effect]:
        """One slice of work that nobody waits for."""
        for log in self.logs.values():
            log.chain.is_stirred |= log.chain.has_moved
        for group in sorted(self.logs):
            log = self.logs[group]
            if views.is_behind(log):
                return [*self._fold_views(log, SPARE_SLICE_ENTRIES), WakeAt(0)]
        if any(leading.clear_slice(self.logs[group]) for group in sorted(self.logs)):
            return [WakeAt(0)]
        missing = self._missing_headers(now_ms)
        if missing:
            return [*missing, WakeAt(0)]
        for group in sorted(self.logs):
            wanted = self._check_signatures(self.logs[group])
            if wanted is not None:
                return [*wanted, WakeAt(now_ms + CHECK_PAUSE_MS)]
        return []

    def _check_signatures(self, log: GroupLog) -> list[Effect] | None:
        """Check some signatures that only a run vouched for; None when there were none left (J5)."""
        for number in sorted(log.lanes):
            original = log.lanes[number]
            if original.checked >= original.seq:
                continue
            wanted: list[Effect] = []
            with log.change(durable=False) as change:
                lane = change.get(number)
                assert lane is not None
                for seq, stored in change.transaction.unchecked(number, lane.checked, CHECK_SLICE_ENTRIES):
                    if not stored.checked and not (
                        stored.signature
                        and is_signed(lane.author, ENTRY_TAG + stored.header, stored.signature)
                    ):
                        change.transaction.drop_signature(position_of(number, seq))
                        wanted.append(SignatureWanted(log.group, sha256(stored.header)))
                    lane.checked = seq
            return wanted
        return None

    def _missing_headers(self, now_ms: int) -> list[Effect]:
        """Ask, now and then, for headers of dead branches without which honest lanes wait for ever (J17)."""
        effects: list[Effect] = []
        for group in sorted(self.logs):
            for id_ in self.logs[group].missing_headers():
                if self._headers_asked_ms.get(id_, now_ms - HEADER_PAUSE_MS) <= now_ms - HEADER_PAUSE_MS:
                    if len(self._headers_asked_ms) >= HEADERS_ASKED_MAX:
                        self._headers_asked_ms.clear()
                    self._headers_asked_ms[id_] = now_ms
                    effects.append(HeaderWanted(group, id_))
        return effects

    def _take_found(self, event: SignatureFound | HeaderFound) -> list[Effect]:
        log = self.logs.get(event.group)
        if log is None:
            return []
        if isinstance(event, SignatureFound):
            return self._take_signature(log, event)
        with log.change() as change:
            change.add_dead(event.header)
        return self.effects_of(log, change)

    def _take_signature(self, log: GroupLog, event: SignatureFound) -> list[Effect]:
        position = log.file.position_of_id(event.entry)
        stored = None if position is None else log.file.entry_at(position)
        if position is None or stored is None:
            return []
        author = log.lanes[number_and_seq(position)[0]].author
        if stored.signature is None and is_signed(author, ENTRY_TAG + stored.header, event.signature):
            with log.change(durable=False) as change:
                change.transaction.put_signature(position, event.signature)
        return []

    # ---- effects

    def effects_of(self, log: GroupLog, change: Change) -> list[Effect]:
        """What the outside hears of a committed change."""
        effects: list[Effect] = []
        if change.state is not None:
            effects.append(Regrouped(log.group, log.state, log.frontier.epoch))
        if change.heads:
            effects.append(Moved(log.group, tuple(change.heads), change.is_urgent))
            effects.append(WakeAt(0))
        if change.has_new_annex_wants:
            effects.append(AnnexesWanted(log.group))
        return effects


def _judge_themselves(events: Sequence[Append]) -> bool:
    """Whether the types of all entries say themselves who may write them, also who is no member."""
    return all(item.type in OPEN_TYPES for event in events for item in event.items)

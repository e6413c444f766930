"""One simulated computer: the real Node on a simulated disk, and around it what the daemon does.

What `p2pnode/writer.py`, `p2pnode/port.py` and `protocols/sync.py` do with threads and streams is done here
in virtual time by callbacks: events queue and are handled in batches, effects are carried out after the
commit, replies last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from p2pnode.core.crypto import SigningKey, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, decode_header
from p2pnode.core.errors import StoreError, UsageError
from p2pnode.core.events import (
    Alert,
    AnnexesWanted,
    Append,
    Closed,
    CursorsNoted,
    Effect,
    Event,
    ForkFound,
    HeaderFound,
    HeaderWanted,
    HeadsConfirmed,
    Item,
    JoinAsked,
    Joined,
    Moved,
    PeersPresent,
    Penalize,
    PrepareJoin,
    PresenceTold,
    Regrouped,
    Reply,
    SignatureFound,
    SignatureWanted,
    WakeAt,
    Woke,
)
from p2pnode.core.presence import Presence
from p2pnode.governance.access import lanes_readable
from p2pnode.governance.founding import RULE_VERSION
from p2pnode.governance.invitation import Link, encode_link, invite
from p2pnode.governance.state import GroupState
from p2pnode.node import Admission, Node
from p2pnode.opening import PreparedJoin
from p2pnode.penalties import Conduct, after_violation
from p2pnode.replication.exchange import Cursor
from p2pnode.replication.frontier import Frontier
from p2pnode.replication.wanted import Wanted
from p2pnode.serving import GroupReader
from p2pnode.store.node_file import NodeFile
from protocols.sessions import PUSHED_PEERS_MAX
from tests.sim.assembly import open_founded
from tests.sim.conversation import End
from tests.sim.disk import Disk, PowerLoss, SharedReader, SimulatedShelf
from tests.sim.programs import running
from tests.sim.timeline import EPOCH_MS, Chance

if TYPE_CHECKING:
    from tests.sim.world import World

IDLE_PAUSE_MS = 50
CONFIRM_MS = 2_000
CLOCK_LOOK_MS = 60_000
KNOCK_MS = 30_000
SEEK_TRIES = 3
SEEK_PAUSE_MS = 30_000
SOUGHT_MAX = 64
_INCARNATIONS = "incarnations"
_NEVER = bytes(16)
NODE_FILE = "node"


@dataclass(slots=True)
class View:
    """A group as the event loop knows it."""

    group: bytes
    frontier: Frontier
    state: GroupState
    reader: GroupReader
    is_confirmed: bool = False
    is_unconfirmed: bool = False
    presences: dict[bytes, tuple[int, Presence]] = field(default_factory=dict)
    is_introduced: bool = False
    """Whether the heads that were there at the start have been told."""

    @property
    def public(self) -> bool:
        return self.state.public

    def is_member(self, author: bytes) -> bool:
        return self.state.standing(author) == "member"


@dataclass(slots=True)
class Backup:
    """A copy of a home. Shapes: incarnation is the key file's; heads are the seqs of own lanes."""

    images: dict[str, bytes | None]
    incarnation: bytes
    heads: dict[tuple[bytes, int], int]


@dataclass(slots=True)
class _Pending:
    """Own entries that wait until a peer had a moment to say that our log is longer."""

    event: Append
    is_done: bool = False


@dataclass(slots=True)
class Machine:
    """A computer that is switched on while `node` is there."""

    world: World
    name: str
    key: SigningKey
    disk: Disk = field(default_factory=Disk)
    node: Node | None = None
    clock_offset_ms: int = 0
    incarnation: bytes = _NEVER
    backups: list[Backup] = field(default_factory=list)
    views: dict[bytes, View] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)
    conducts: dict[bytes, Conduct] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    facts: dict[str, Mapping[str, str]] = field(default_factory=dict)
    joining: dict[bytes, str] = field(default_factory=dict)
    inbox_most: int = 0
    boots: int = 0
    is_mute: bool = False
    has_sessions: bool = True
    level_lie: str = ""
    version: int = RULE_VERSION
    """Up to which version of the rules its program knows them."""

    _inbox: list[Event] = field(default_factory=list)
    _pending: list[_Pending] = field(default_factory=list)
    _cursors: dict[tuple[bytes, bytes], Cursor] = field(default_factory=dict)
    _sought: set[bytes] = field(default_factory=set)
    _is_step_planned: bool = False
    _wake_number: int = 0
    _wake_ms: int | None = None

    # ---- power

    def boot(self, *, is_moved: bool = False) -> None:
        """Start as the daemon does: incarnations first, then the node, then its effects (J35)."""
        if self.node is not None:
            return
        self.boots += 1
        self.world.watch.chains.forget(self.name)
        random = Chance(self.world.salt, self.name, "boot", self.boots)
        self.views, self.ends, self._inbox, self._pending = {}, {}, [], []
        self.wanted, self._is_step_planned, self._wake_ms = Wanted(), False, None
        self.alerts.clear()
        self._sought.clear()
        self.joining.clear()
        try:
            files = self.disk.files
            is_lost = NODE_FILE not in files and any(file.image for file in files.values())
            node_file = NodeFile(NODE_FILE, make=self.disk.connect)
            stored = node_file.setting(_INCARNATIONS)
            fresh = random.bytes(16)
            is_restored = is_moved or is_lost or not self._continues(stored)
            with node_file.write() as transaction:
                transaction.put_setting(_INCARNATIONS, fresh + self.incarnation)
            self.incarnation = fresh
            self.node = Node(self.key, node_file, SimulatedShelf(self.disk), random.bytes)
            with running(self.version):
                effects = self.node.start(is_restored=is_restored)
            self._cursors = {place: Cursor(*cursor) for place, cursor in node_file.cursors().items()}
            joining = {
                group: membership.link
                for group, membership in node_file.memberships().items()
                if membership.state == "joining"
            }
        except PowerLoss:
            self._gone(is_power_cut=self.disk.is_power_cut)
            return
        except StoreError:
            self._gone(is_power_cut=False)
            return
        self.world.log(f"{self.name} boot restored={is_restored}")
        self.world.dial_soon(self.name)
        self._perform(effects)
        for group, link in joining.items():
            self._prepare_join(group, link)
        open_founded(self.world, self)

    def _continues(self, stored: bytes | None) -> bool:
        if stored is None:
            return self.incarnation == _NEVER
        return self.incarnation in (stored[:16], stored[16:])

    def kill(self) -> None:
        """The process dies; what it committed is in the system's cache."""
        if self.node is not None:
            self._gone(is_power_cut=False)

    def cut_power(self) -> None:
        if self.node is not None:
            self._gone(is_power_cut=True)

    def _gone(self, *, is_power_cut: bool) -> None:
        self.world.log(f"{self.name} gone power={is_power_cut}")
        self.node = None
        self._inbox, self._pending, self.views = [], [], {}
        for end in list(self.ends.values()):
            self.world.network.close(end.line)
        self.ends.clear()
        self.disk.stop(is_power_cut=is_power_cut)

    def back_up(self) -> None:
        own = {} if self.node is None else self.world.watch.own_heads(self)
        self.backups.append(Backup(self.disk.images(), self.incarnation, own))

    def spoil(self, group: bytes) -> None:
        """Damage a group's file, as a bad block would; the machine is off."""
        self.disk.spoil(SimulatedShelf.path(group))

    def restore(self, backup: Backup, *, is_whole_disk: bool) -> None:
        """Put an old copy back; with the whole disk, the key file too, so that nothing inside can tell."""
        self.kill()
        self.disk.put_images(backup.images)
        if is_whole_disk:
            self.incarnation = backup.incarnation

    def set_clock(self, offset_ms: int) -> None:
        """Set the wall clock; sessions notice it after a while."""
        if offset_ms != self.clock_offset_ms:
            self.clock_offset_ms = offset_ms
            self._later(CLOCK_LOOK_MS, self._tell_clocks)

    def _tell_clocks(self) -> None:
        for end in list(self.ends.values()):
            end.tell_clock()

    @property
    def wall_ms(self) -> int:
        return EPOCH_MS + self.world.timeline.now_ms + self.clock_offset_ms

    # ---- the writer

    def submit(self, event: Event) -> None:
        if self.node is None:
            return
        self._inbox.append(event)
        self.inbox_most = max(self.inbox_most, len(self._inbox))
        if not self._is_step_planned:
            self._is_step_planned = True
            self._later(1, self._step)

    def _later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do something later, unless the machine went down in between."""
        boots = self.boots

        def act() -> None:
            if self.boots == boots and self.node is not None:
                action()

        self.world.timeline.after(delay_ms, act)

    def _step(self) -> None:
        self._is_step_planned = False
        batch, self._inbox = self._inbox, []
        self.handle(batch)

    def handle(self, batch: list[Event]) -> None:
        """Let the node handle a batch, and carry out what it asks for."""
        if self.node is None or not batch:
            return
        try:
            with running(self.version):
                effects = self.node.handle_all(batch, self.wall_ms)
        except PowerLoss:
            self._gone(is_power_cut=self.disk.is_power_cut)
        except StoreError as error:
            self.world.log(f"{self.name} store error {error}")
            self._gone(is_power_cut=False)
        else:
            self._perform(effects)
            self.world.watch.after_step(self)

    def _perform(self, effects: Sequence[Effect]) -> None:
        """First what changed, then the replies that speak of it."""
        for effect in effects:
            if not isinstance(effect, Reply):
                self._perform_one(effect)
        for effect in effects:
            if isinstance(effect, Reply) and effect.request is not None:
                effect.request(effect)

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Regrouped(group, state, epoch):
                self._regroup(group, state, epoch)
            case Moved(group, heads, is_urgent):
                self.views[group].frontier.apply(heads)
                self.world.watch.moved(self, group, heads)
                self.views[group].is_introduced = True
                for rank, end in enumerate(list(self.ends.values())):
                    end.moved(group, heads, is_pushing=is_urgent or rank < PUSHED_PEERS_MAX)
            case Closed(group):
                self.views.pop(group, None)
                for end in list(self.ends.values()):
                    end.regrouped(group)
            case AnnexesWanted() | ForkFound() | PresenceTold():
                self._tell_ends(effect)
            case Penalize(peer, rule):
                self.penalize(peer, rule)
            case SignatureWanted(group, entry) | HeaderWanted(group, entry):
                if len(self._sought) < SOUGHT_MAX and entry not in self._sought:
                    self._sought.add(entry)
                    self._seek(group, entry, 0)
            case WakeAt(time_ms):
                self._wake(time_ms)
            case Alert(rule, _, facts):
                self.facts[rule] = facts
                self._alert(rule, bytes.fromhex(facts.get("group", "")))

    def _tell_ends(self, effect: AnnexesWanted | ForkFound | PresenceTold) -> None:
        """Have every session hear of something that is no move of a head."""
        if isinstance(effect, ForkFound):
            self.world.watch.fork_found(self, effect.author)
        if isinstance(effect, PresenceTold):
            self.views[effect.group].presences[effect.presence.key] = (effect.relays, effect.presence)
        for end in list(self.ends.values()):
            match effect:
                case AnnexesWanted(group):
                    end.annexes_wanted(group)
                case ForkFound(group, _, proof):
                    end.fork_found(group, proof)
                case PresenceTold(group, relays, presence):
                    end.presence_told(group, relays, presence)

    def _regroup(self, group: bytes, state: GroupState, epoch: bytes) -> None:
        view = self.views.get(group)
        if view is None:
            connection = self.disk.files[SimulatedShelf.path(group)].connection
            assert connection is not None
            reader = GroupReader(group, "", make=lambda _: SharedReader(connection))  # type: ignore[arg-type, return-value]
            self.views[group] = View(group, Frontier(group, epoch), state, reader)
        else:
            view.state = state
        for end in list(self.ends.values()):
            end.regrouped(group)

    def _alert(self, rule: str, group: bytes) -> None:
        self.alerts.append(rule)
        self.world.log(f"{self.name} alert {rule}")
        self.world.watch.alert(self, rule, group)
        view = self.views.get(group)
        if rule == "restore.confirmed" and view is not None:
            view.is_unconfirmed = False
        elif rule == "restore.unconfirmed":
            self._unconfirmed_soon(group)

    def _unconfirmed_soon(self, group: bytes) -> None:
        # The alert of a start comes before its group is introduced.
        view = self.views.get(group)
        if view is not None:
            view.is_unconfirmed = True
        else:
            self._later(0, lambda: self._unconfirmed_soon(group) if group in self.views else None)

    def _wake(self, time_ms: int) -> None:
        """Note the earliest time that the node asked for, as the writer does; later ones are forgotten."""
        due_ms = max(time_ms, self.wall_ms)
        if self._wake_ms is None or due_ms < self._wake_ms:
            self._wake_ms = due_ms
            self._plan_wake(due_ms)

    def _plan_wake(self, due_ms: int) -> None:
        self._wake_number += 1
        number = self._wake_number

        def wake() -> None:
            if number != self._wake_number:
                return
            if self._inbox:
                self._plan_wake(due_ms)
                return
            self._wake_ms = None
            self.handle([Woke()])

        self._later(max(due_ms - self.wall_ms, IDLE_PAUSE_MS), wake)

    def tell_present(self) -> None:
        """Say whom this machine has a line to, as the daemon does."""
        keys = (self.world.machines[name].key.public for name in self.ends)
        self.submit(PeersPresent(frozenset(keys)))

    # ---- what sessions ask of the node

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        view = self.views.get(group)
        return frozenset() if view is None else lanes_readable(view.state, keys)

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return self._cursors.get((peer, group))

    def remember_cursor(self, peer: bytes, group: bytes, cursor: Cursor) -> None:
        if self._cursors.get((peer, group)) != cursor:
            self._cursors[peer, group] = cursor
            self.submit(CursorsNoted(((peer, group, *cursor),)))

    def heads_confirmed(self, peer: bytes, group: bytes) -> None:
        view = self.views.get(group)
        if view is not None:
            view.is_confirmed = True
            if view.is_unconfirmed:
                self.submit(HeadsConfirmed(group, peer))
            self._flush_pending()

    def penalize(self, peer: bytes, rule: str) -> None:
        name = self.world.name_of(peer)
        self.world.log(f"{self.name} penalizes {name} {rule}")
        self.world.watch.penalized(self, name, rule)
        self.conducts[peer] = after_violation(self.conducts.get(peer, Conduct()), rule, self.wall_ms)
        if self.is_blocked(peer) and name in self.ends:
            self.world.network.close(self.ends[name].line)

    def is_blocked(self, peer: bytes) -> bool:
        conduct = self.conducts.get(peer)
        return conduct is not None and conduct.banned_until_ms > self.wall_ms

    def _seek(self, group: bytes, entry: bytes, attempt: int) -> None:
        """Ask members for the signature or the header of an entry, three times at most."""
        view = self.views.get(group)
        if view is None or attempt == SEEK_TRIES:
            self._sought.discard(entry)
            return
        for name in sorted(self.ends):
            peer = self.world.machines[name]
            if view.state.standing(peer.key.public) is None or peer.is_mute:
                continue
            found = peer.entry_for(self, group, entry)
            if found is None:
                continue
            self._sought.discard(entry)
            self.world.log(f"{self.name} finds {entry.hex()[:8]} at {name}")
            self._found(group, entry, *found)
            return
        self._later(SEEK_PAUSE_MS << attempt, lambda: self._seek(group, entry, attempt + 1))

    def _found(self, group: bytes, entry: bytes, header: bytes, signature: bytes | None) -> None:
        author = decode_header(header).author
        if signature is not None and is_signed(author, ENTRY_TAG + header, signature):
            self._later(20, lambda: self.submit(SignatureFound(group, entry, signature)))
        self._later(20, lambda: self.submit(HeaderFound(group, header)))

    def entry_for(self, asker: Machine, group: bytes, entry: bytes) -> tuple[bytes, bytes | None] | None:
        """The header and the signature of an entry, for a peer that asks for it by its id."""
        view = self.views.get(group)
        if view is None or not lanes_readable(view.state, frozenset({asker.key.public})):
            return None
        with view.reader.reading() as queries:
            position = queries.position_of_id(entry)
            stored = None if position is None else queries.entry_at(position)
            if stored is not None:
                return stored.header, stored.signature
            dead = queries.dead_header(entry)
            return None if dead is None else (dead, None)

    # ---- what the user asks

    def append(self, group: bytes, items: tuple[Item, ...]) -> None:
        """Write own entries, after a peer had a moment to say that our log is longer (J35)."""

        def answered(reply: Reply) -> None:
            if reply.error is not None:
                self.world.log(f"{self.name} refused {getattr(reply.error, 'rule', reply.error)}")
                return
            annexes = [sha256(annex) for item in items for annex in item.annexes]
            self.world.watch.acknowledged(self, group, reply.value, annexes)

        pending = _Pending(Append(answered, group, items))
        view = self.views.get(group)
        if view is None or view.is_confirmed or not self.ends or len(view.state.members) < 2:
            self.submit(pending.event)
            return
        self._pending.append(pending)
        self._later(CONFIRM_MS, lambda: self._flush(pending))

    def _flush_pending(self) -> None:
        waiting, self._pending = self._pending, []
        for pending in waiting:
            view = self.views.get(pending.event.group)
            if view is None or view.is_confirmed:
                self._flush(pending)
            else:
                self._pending.append(pending)

    def _flush(self, pending: _Pending) -> None:
        if not pending.is_done:
            pending.is_done = True
            view = self.views.get(pending.event.group)
            if view is not None:
                view.is_confirmed = True
            self.submit(pending.event)

    # ---- joining

    def make_link(self, group: bytes, uses: int, expiry_ms: int, serial: int) -> Link | None:
        view = self.views.get(group)
        if view is None or view.state.standing(self.key.public) != "member":
            return None
        return invite(
            self.key,
            view.state.group,
            sha256(f"{self.world.salt}:invitation:{serial}".encode()),
            uses=uses,
            expiry_ms=expiry_ms,
            rule=view.state.charter.admission,
            addresses=[f"/dns/{self.name}/tcp/1"],
            name=view.state.name,
        )

    def join(self, link: Link) -> None:
        self._prepare_join(bytes(link.invitation.group), encode_link(link))

    def _prepare_join(self, group: bytes, link: str) -> None:
        commitment = sha256(b"recovery:" + self.key.public)
        annex = sha256(b"annex:" + self.key.public) + b"\x80"

        def prepared(reply: Reply) -> None:
            if reply.error is not None:
                self.world.log(f"{self.name} join refused {getattr(reply.error, 'rule', reply.error)}")
                return
            self.joining[group] = link
            self._knock(group, reply.value)

        self.submit(PrepareJoin(prepared, link, commitment, annex))

    def _knock(self, group: bytes, prepared: PreparedJoin) -> None:
        """Hand the join to the inviter; again and again until there is an answer."""
        if group in self.views or group not in self.joining:
            return
        inviter = self.world.machines[self.world.name_of(bytes(prepared.link.invitation.inviter))]
        self.world.network.post(self.name, inviter.name, lambda: inviter.take_join(self, group, prepared))
        self._later(KNOCK_MS, lambda: self._knock(group, prepared))

    def take_join(self, newcomer: Machine, group: bytes, prepared: PreparedJoin) -> None:
        """Somebody knocks at this machine."""
        if self.node is None:
            return

        def answered(reply: Reply) -> None:
            if reply.error is None:
                self.world.network.post(
                    self.name, newcomer.name, lambda: newcomer.admitted(group, reply.value)
                )

        self.submit(JoinAsked(answered, group, newcomer.key.public, prepared.entries, prepared.annexes))

    def admitted(self, group: bytes, admission: Admission) -> None:
        if self.node is None or group in self.views or group not in self.joining:
            return
        del self.joining[group]
        self.world.log(f"{self.name} admission {admission.state} {admission.rule}")
        if admission.state == "admitted":
            self.submit(Joined(_ignore, group, admission.founding))


def _ignore(reply: Reply) -> None:
    if reply.error is not None and not isinstance(reply.error, UsageError):
        raise reply.error

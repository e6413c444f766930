"""How groups come to a node and go: at start, by founding, by joining, by being forgotten.

Everything here runs inside `Node.handle`, on its only thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from p2pnode import views
from p2pnode.authoring import rows_of
from p2pnode.chain.parting import alert_of
from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.core.entry import Entry, Header, check_alone, payload_fields, read_entry, sign_entry
from p2pnode.core.errors import StoreError, UsageError
from p2pnode.core.events import (
    Alert,
    AnnexesWanted,
    Closed,
    Effect,
    Forget,
    Found,
    Joined,
    Moved,
    OpenGroup,
    PrepareJoin,
    Regrouped,
    Reply,
    WakeAt,
)
from p2pnode.core.ids import DeviceKey, Lane
from p2pnode.governance import founding as terms
from p2pnode.governance import joining
from p2pnode.governance.charter import charter_of_value
from p2pnode.governance.inception import Inception
from p2pnode.governance.invitation import Link, parse_link
from p2pnode.group_log import GroupLog
from p2pnode.replication.frontier import EPOCH_BYTES
from p2pnode.replication.run import Run
from p2pnode.store.database import reported
from p2pnode.store.group_file import FoundingBytes, GroupFile
from p2pnode.store.node_file import Membership, NodeFile, Promise

if TYPE_CHECKING:
    from p2pnode.node import Node

_DAMAGED = "damaged:"
_SUSPECT = b"1"


class PreparedJoin(NamedTuple):
    """What a newcomer hands to a member. Shapes: entries are (header, signature, payload) from seq 0 on."""

    link: Link
    entries: tuple[tuple[bytes, bytes, bytes], ...]
    annexes: tuple[bytes, ...]


def start(node: Node, *, is_restored: bool) -> list[Effect]:
    """Open every group; replay promises; find out where nothing may be signed yet (J34, J35)."""
    effects: list[Effect] = []
    memberships = node.node_file.memberships()
    for group, membership in memberships.items():
        if membership.state == "forgetting":
            _delete(node, group)
    adopted = [group for group in node.shelf.groups() if group not in memberships]
    for group in adopted:
        effects += _adopt_file(node, group)
    for group, membership in node.node_file.memberships().items():
        if membership.state == "joining" or membership.founding is None:
            continue
        effects += _open(node, group, membership, is_restored=is_restored)
    return effects


def _adopt_file(node: Node, group: bytes) -> list[Effect]:
    """A group file that node.db does not know: node.db was lost, so nothing is known of what we signed."""
    file = node.shelf.open(group)
    is_begun, founding = file.is_begun, file.founding() if file.is_begun else None
    file.close()
    if not is_begun:
        node.shelf.delete(group)
        return []
    with node.node_file.write() as transaction:
        transaction.put_membership(group, Membership("restored", founding=founding))
    return []


def _open(node: Node, group: bytes, membership: Membership, *, is_restored: bool) -> list[Effect]:
    effects: list[Effect] = []
    log, aside = _sound_log(node, group, membership)
    if aside is not None:
        message = f"a damaged group file was set aside as {aside}; the group is fetched again from its peers"
        effects.append(Alert("store.set_aside", message, {"group": group.hex()}))
    node.logs[group] = log
    is_alone = all(
        device == node.key.public
        for member in log.state.members.values()
        if member.status != "left"  # who left reads our lanes no longer, so cannot confirm where they end
        for device in member.devices
    )
    is_lost = is_behind_marks(node, log)
    if is_restored or is_lost or log.changed < node.node_file.moves(group):
        _renew_epoch(node, log)
    if is_lost or ((is_restored or membership.state == "restored" or aside) and not is_alone):
        node.restored.add(group)
        if membership.state != "restored":
            with node.node_file.write() as transaction:
                transaction.set_membership_state(group, "restored")
        message = "nothing is signed in this group until one of its members has confirmed where our log ends"
        effects.append(Alert("restore.unconfirmed", message, {"group": group.hex()}))
    if log.level.parting is not None:
        effects.append(alert_of(log, log.level.parting))
    return [*effects, *_introduce(log)]


def _introduce(log: GroupLog) -> list[Effect]:
    """What the outside hears of a group that was opened."""
    heads = tuple(log.frontier.heads.values())
    effects: list[Effect] = [
        Regrouped(log.group, log.state, log.frontier.epoch),
        Moved(log.group, heads),
        WakeAt(0),
    ]
    if log.file.wanted_annexes(1):
        effects.append(AnnexesWanted(log.group))
    return effects


def _sound_log(node: Node, group: bytes, membership: Membership) -> tuple[GroupLog, str | None]:
    """The group's log, read from its file or begun anew; and where a damaged file is now."""
    file, aside = _sound_file(node, group, membership)
    try:
        with reported(file.path):
            return _read_log(node, file), aside
    except StoreError as error:
        if "damaged" not in error.message:
            raise
    file.close()
    aside = node.shelf.set_aside(group)
    file, _ = _sound_file(node, group, membership)
    return _read_log(node, file), aside


def _read_log(node: Node, file: GroupFile) -> GroupLog:
    log = GroupLog(file, node.key)
    _refresh_views(log)
    _replay(node, log)
    return log


def _sound_file(node: Node, group: bytes, membership: Membership) -> tuple[GroupFile, str | None]:
    """The group's file, or a fresh one when it is damaged or gone; and where the damaged one is now."""
    assert membership.founding is not None
    is_suspect = node.node_file.setting(_DAMAGED + group.hex()) == _SUSPECT
    aside = None
    try:
        file = node.shelf.open(group)
        if is_suspect and not file.is_sound:
            file.close()
            raise StoreError("the quick check found damage", "")
    except StoreError as error:
        if error.remedy and "damaged" not in error.message:
            raise
        aside = node.shelf.set_aside(group)
        file = node.shelf.open(group)
    if is_suspect:
        with node.node_file.write() as transaction:
            transaction.put_setting(_DAMAGED + group.hex(), b"")
    if not file.is_begun:
        # Positions in peers' logs say that everything up to there is here, which is so no longer.
        with node.node_file.write() as transaction:
            transaction.forget_cursors(group)
        file.begin_with(membership.founding, node.random(EPOCH_BYTES))
    return file, aside


def mark_suspects(node_file: NodeFile) -> None:
    """Have every group's file checked at the next start."""
    with node_file.write() as transaction:
        for group in node_file.memberships():
            transaction.put_setting(_DAMAGED + group.hex(), _SUSPECT)


def _refresh_views(log: GroupLog) -> None:
    if log.file.setting("views") != views.VERSION:
        with log.file.write() as transaction:
            transaction.clear_views()
            transaction.chain.list_again()
            transaction.put_setting("views", views.VERSION)
            # The founding entry lies in no lane, so that no view comes across its annexes.
            for inception in log.state.founding.inceptions:
                if inception.annex is not None:
                    transaction.want_annex(inception.annex, 0)
        for lane in log.lanes.values():
            lane.viewed = -1


def _replay(node: Node, log: GroupLog) -> None:
    """Write promised entries that a power cut kept out of the group's file (J34)."""
    if any(_follows(log, promise) for promise in node.node_file.promises(log.group)):
        _renew_epoch(node, log)
    put_back(node, log)


def put_back(node: Node, log: GroupLog) -> list[Effect]:
    """Write promised entries that the group's file lacks, as far as they continue what it holds.

    A file that was begun anew has to be filled by members first; until then the promises stay where they
    are, because nobody else may have these entries.
    """
    promises = node.node_file.promises(log.group)
    annexes = node.node_file.promised_annexes(log.group)
    effects: list[Effect] = []
    if annexes or any(_follows(log, promise) for promise in promises):
        with log.change() as change:
            for annex in annexes:
                change.add_annex(annex)
            for promise in promises:
                lane = change.lane(node.key.public, promise.lane)
                entry = read_entry(promise.header, promise.signature, promise.payload)
                place = (0, ZERO_HASH) if lane is None else (lane.seq + 1, lane.id)
                if (promise.seq, entry.header.prev) == place:
                    change.add_own([entry], None)
        effects = node.effects_of(log, change)
    if promises and not any(_follows(log, promise) for promise in promises):
        log.file.settle(promises[-1].number)
        with node.node_file.write() as transaction:
            transaction.forget_promises(log.group, promises[-1].number)
    return effects


def _renew_epoch(node: Node, log: GroupLog) -> None:
    """Begin a new count of head moves: peers remember positions in the old one that were taken back here,
    and what was taken back may hold entries of theirs that we believed to have.
    """
    epoch = node.random(EPOCH_BYTES)
    with node.node_file.write() as transaction:
        transaction.forget_cursors(log.group)
    with log.file.write() as transaction:
        transaction.put_setting("epoch", epoch)
    log.frontier.epoch = epoch


def _follows(log: GroupLog, promise: Promise) -> bool:
    lane = log.lane(log.key.public, promise.lane)
    return promise.seq > (lane.seq if lane is not None else -1)


def is_behind_marks(node: Node, log: GroupLog) -> bool:
    """Whether we signed more in this group than we hold: then something was restored, not repaired."""
    for mark in node.node_file.marks(log.group).values():
        lane = log.lane(node.key.public, mark.lane)
        if lane is None or lane.seq < mark.seq:
            return True
    return False


def found(node: Node, event: Found | OpenGroup, now_ms: int) -> list[Effect]:
    """Found a group of which this device is the only founder, or open one whose founding entry is here."""
    if isinstance(event, OpenGroup):
        return _open_founding(node, event)
    annex_hash = sha256(event.annex)
    inception = Inception(DeviceKey(node.key.public), event.recovery_commitment, annex_hash)
    proposed = terms.propose(charter_of_value(dict(event.charter)), event.nonce, [inception])
    payload = terms.found(proposed, [terms.sign_terms(node.key, proposed)])
    entry = terms.founding_entry(node.key, payload, now_ms)
    return _open_founded(node, event.request, entry, [event.annex])


def _open_founding(node: Node, event: OpenGroup) -> list[Effect]:
    """Open a group by its founding entry; opening it again changes nothing."""
    entry = check_alone(*event.founding)
    terms.read_founding(entry)
    if entry.group in node.logs:
        return [Reply(event.request, bytes(entry.group))]
    if node.node_file.marks(entry.group):
        raise UsageError(
            "join.was_here",
            "this device's key has written in this group before, and its log was deleted here",
            "join with a new key: p2pnode --profile NAME join LINK",
        )
    return _open_founded(node, event.request, entry, event.annexes)


def _open_founded(node: Node, request: object, entry: Entry, annexes: Sequence[bytes]) -> list[Effect]:
    founding = FoundingBytes(entry.header_bytes, entry.signature or b"", entry.payload or b"")
    with node.node_file.write() as transaction:
        transaction.put_membership(entry.group, Membership("member", founding=founding))
    log = _begin(node, entry.group, founding)
    with log.change() as change:
        for annex in annexes:
            change.add_annex(annex)
    return [Reply(request, bytes(entry.group)), *_introduce(log)]


def _begin(node: Node, group: bytes, founding: FoundingBytes) -> GroupLog:
    file = node.shelf.open(group)
    if not file.is_begun:
        file.begin_with(founding, node.random(EPOCH_BYTES))
    log = node.logs[group] = GroupLog(file, node.key)
    _refresh_views(log)
    return log


def prepare_join(node: Node, event: PrepareJoin, now_ms: int) -> list[Effect]:
    """Write the next entry with which we ask to join; asking again with the same link repeats the same
    entry.
    """
    link = parse_link(event.link)
    group = bytes(link.invitation.group)
    if group in node.logs:
        raise UsageError(
            "join.already_in",
            f"this node is already in {link.name}",
            "p2pnode group show tells how it stands",
        )
    promises = node.node_file.promises(group)
    held = node.node_file.memberships().get(group)
    if held is not None and held.link == event.link and promises and held.annex is not None:
        return [Reply(event.request, PreparedJoin(link, _packed(promises), (held.annex,)))]
    if not promises and node.node_file.marks(group):
        # We were in this group before and deleted it: what we signed then must not be signed a second time.
        raise UsageError(
            "join.was_here",
            "this device's key has written in this group before, and its log was deleted here",
            "join with a new key: p2pnode --profile NAME join LINK",
        )
    inception = Inception(DeviceKey(node.key.public), event.recovery_commitment, sha256(event.annex))
    join = joining.join_by(link, inception)
    if promises:
        before = read_entry(promises[-1].header, None, None)
        payload = joining.encode(join)
        header = Header(
            *before.header[:4],
            before.header.seq + 1,
            before.id,
            before.header.depth + 1,
            max(now_ms, before.header.time_ms + 1),
            (),
            joining.JOIN_TYPE,
            *payload_fields(payload),
        )
        entry = sign_entry(node.key, header, payload)
    else:
        entry = joining.join_entry(node.key, join, now_ms)
    with node.node_file.write() as transaction:
        transaction.promise([entry])
        transaction.put_membership(group, Membership("joining", event.link, event.annex))
    return [Reply(event.request, PreparedJoin(link, _packed(node.node_file.promises(group)), (event.annex,)))]


def _packed(promises: Sequence[Promise]) -> tuple[tuple[bytes, bytes, bytes], ...]:
    return tuple((promise.header, promise.signature, promise.payload) for promise in promises)


def handed_in_fault(group: bytes, peer: bytes, entries: Sequence[Entry]) -> str | None:
    """Why a newcomer's entries are not the beginning of its own lane 0, or None (J21).

    They came outside a run, so that nothing is implied: each says for itself whose it is and where it
    stands.
    """
    if any(entry.author != peer for entry in entries):
        return "join.other_device"
    prev = ZERO_HASH
    for seq, entry in enumerate(entries):
        header = entry.header
        if (header.group, header.lane, header.seq, header.prev) != (group, Lane.LOCAL, seq, prev):
            return "join.bad_chain"
        prev = entry.id
    return None


def joined(node: Node, event: Joined) -> list[Effect]:
    """Open a group whose member admitted us."""
    entry = check_alone(*event.founding)
    if entry.group != event.group:
        raise UsageError(
            "join.other_group", "the member answered for another group", "ask for a new invitation"
        )
    terms.read_founding(entry)
    if event.group in node.logs:
        return [Reply(event.request)]
    founding = FoundingBytes(*event.founding)
    held = node.node_file.memberships()[event.group]
    log = _begin(node, event.group, founding)
    if held.annex is not None:
        # Before the membership forgets it: this is the only copy of our name.
        with log.change() as change:
            change.add_annex(held.annex)
    with node.node_file.write() as transaction:
        transaction.put_membership(event.group, Membership("member", "", None, founding))
    _replay(node, log)
    return [Reply(event.request), *_introduce(log)]


def forget(node: Node, event: Forget) -> list[Effect]:
    """Delete what this node holds of a group; the marks stay, so that its key never signs there again by
    mistake.
    """
    log = node.logs.pop(event.group, None)
    if log is not None:
        log.file.close()
    with node.node_file.write() as transaction:
        # A power cut between the file and its row must not bring the group back.
        transaction.set_membership_state(event.group, "forgetting")
    _delete(node, event.group)
    node.restored.discard(event.group)
    return [Reply(event.request), Closed(event.group)]


def _delete(node: Node, group: bytes) -> None:
    node.shelf.delete(group)
    with node.node_file.write() as transaction:
        transaction.drop_membership(group)


def run_of(entries: Sequence[Entry]) -> Run:
    """Entries of one lane as a run."""
    first = entries[0].header
    return Run(first.group, first.author, first.lane, first.seq, first.prev, rows_of(entries))

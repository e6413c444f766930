"""Devices: adding, striking and handing on what signs for a member; and the voting role of one's own node."""

from __future__ import annotations

from p2pnode.core.crypto import KEY_BYTES, SIGNATURE_BYTES
from p2pnode.core.entry import check_alone
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Item, OpenGroup
from p2pnode.core.ids import DeviceKey, Lane, device_key_of_did, did_of
from p2pnode.governance import devices, recovering, tables, voters
from p2pnode.governance.devices import Add, Revoke
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.governance.keys import DEVICES_MAX
from p2pnode.local import shapes
from p2pnode.local.naming import Named, choose
from p2pnode.phrase import recovery_key
from p2pnode.port import HeldGroup
from p2pnode.service.entries import written
from p2pnode.service.evidence import founding_of
from p2pnode.service.groups import GroupsService
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView
from p2pnode.store.group_file import GroupQueries
from protocols.port import JoinRequest, WireEntry

_ANSWER = "p2pnode:device:"
_JUDGED_BY_OTHERS = frozenset({"recover.no_member", "recover.bad_key"})
"""What a device that has not read the group's log yet cannot know: members who came later, later phrases."""


class DevicesService(GroupsService):
    """The part of the service about devices."""

    async def devices(self, group: str) -> list[shapes.DeviceRow]:
        return await self.context.view(self.context.held(group), _device_rows)

    async def invite_device(self, group: str, member: str | None) -> shapes.DeviceInvitation:
        held = self.context.held(group)

        def read(view: GroupView) -> shapes.DeviceInvitation:
            founding = founding_of(view)
            member_id = view.me[0] if member is None else view.member(member)
            parts = (founding.header_bytes, founding.signature or b"", founding.payload or b"")
            return shapes.DeviceInvitation(
                format="p2pnode/device/1",
                group=held.group.hex(),
                name=held.name,
                member=member_id.hex(),
                member_name=view.name(member_id),
                founding_hex=[part.hex() for part in parts],
                device=did_of(self.context.port.own_key),
                addresses=self.context.addresses()[:16],
            )

        return await self.context.view(held, read)

    async def accept_device(self, invitation: shapes.DeviceInvitation) -> shapes.DeviceAnswer:
        group, _ = await self._open_invited(invitation)
        signed = devices.sign_device(
            self.context.port.signing_key, group, bytes.fromhex(invitation["member"])
        )
        own = did_of(self.context.port.own_key)
        return shapes.DeviceAnswer(
            group=group.hex(), name=invitation["name"], answer=f"{_ANSWER}{own}:{signed.hex()}"
        )

    async def _open_invited(self, invitation: shapes.DeviceInvitation) -> tuple[bytes, bytes]:
        """Open the group of a file that a device of a member wrote: the group, and that device's key."""
        try:
            header, signature, payload = (bytes.fromhex(part) for part in invitation["founding_hex"])
            entry = check_alone(header, signature, payload)
            host = device_key_of_did(invitation["device"])
        except (FormatError, ValueError) as error:
            raise UsageError(
                "device.bad_invitation", f"the file does not hold: {error}", "ask for a new one"
            ) from error
        if entry.group.hex() != invitation["group"]:
            raise UsageError("device.bad_invitation", "the file is of another group", "ask for a new one")
        await self.context.port.ask(lambda request: OpenGroup(request, (header, signature, payload), ()))
        self.meet(host, invitation["addresses"])
        return bytes(entry.group), bytes(host)

    async def add_device(self, group: str, answer: str) -> shapes.Written:
        held = self.context.held(group)
        key, signature = _answer(answer)

        def prepare(view: GroupView) -> bytes:
            _, row = view.me
            if row.status != "member":
                raise refusal("device.no_member")
            if tables.device(view.rows, key) is not None:
                raise refusal("device.known")
            if len(row.devices) >= DEVICES_MAX:
                raise refusal("device.too_many")
            return devices.encode_add(Add(DeviceKey(key), signature))

        return await self._say(held, devices.DEVICE_ADD_TYPE, await self.context.view(held, prepare))

    async def revoke_device(self, group: str, device: str, phrase: str | None) -> shapes.Written:
        held = self.context.held(group)
        recovery = None if phrase is None else recovery_key(phrase)

        def prepare(view: GroupView) -> bytes:
            key = _own_device(view, device)
            row = tables.device(view.rows, key)
            if row is None or row.status != "active":
                raise refusal("device.not_active")
            held_lanes = {lane.lane: lane.seq for lane in view.queries.lanes() if lane.author == key}
            keep = tuple((lane, held_lanes.get(lane, -1)) for lane in (0, 2))
            revoke = Revoke(DeviceKey(key), keep)
            if recovery is not None:
                signature = devices.sign_revocation(recovery, held.group, revoke)
                revoke = Revoke(DeviceKey(key), keep, (recovery.public, signature))
            return devices.encode_revoke(revoke)

        return await self._say(held, devices.DEVICE_REVOKE_TYPE, await self.context.view(held, prepare))

    async def rotate_device(self, group: str, device: str) -> shapes.Written:
        held = self.context.held(group)

        def prepare(view: GroupView) -> bytes:
            member_id, _ = view.me
            voter = tables.voter(view.rows, member_id)
            if voter is None or voter.key != view.own_key:
                raise refusal("device.not_voting")
            return devices.encode_rotate(_own_device(view, device))

        return await self._say(held, devices.KEY_ROTATE_TYPE, await self.context.view(held, prepare))

    async def recover(self, invitation: shapes.DeviceInvitation, phrase: str) -> shapes.Written:
        key = recovery_key(phrase)
        own, next_ = self.context.port.own_key, self.context.recovery_commitment
        if next_ == recovery_commitment_of(key.public):
            raise UsageError(
                "recover.same_phrase",
                "recovering uses the phrase up, and this device was made with the very same one",
                "make a new identity, with a new phrase: p2pnode --profile NAME up",
            )
        group, host = await self._open_invited(invitation)
        member_id = bytes.fromhex(invitation["member"])
        held = self.context.port.groups()[group]
        last = await self.context.query(held, _last_final)
        payload = recovering.encode(
            recovering.recover_by(key, group, member_id, own, next_, last or (0, group))
        )
        rule = await self.context.view(held, lambda view: view.void_rule_of(recovering.RECOVER_TYPE, payload))
        if rule is not None and rule not in _JUDGED_BY_OTHERS:
            raise refusal(rule)
        item = Item(recovering.RECOVER_TYPE, payload)
        entry = (await self.context.append(held, (item,)))[0]
        wires = await self.context.query(held, lambda queries: _own_beginning(queries, own))
        answer = await self.hand_in(host, JoinRequest(group, wires, ()))
        if answer.verdict == "refused":
            raise refusal(answer.rule or "recover.refused")
        return written(entry)

    async def object_to_change(self, group: str) -> list[shapes.Written]:
        held = self.context.held(group)

        def prepare(view: GroupView) -> list[bytes]:
            member_id, _ = view.me
            found = [entry_id for entry_id, row in tables.pending(view.rows) if row.member == member_id]
            if not found:
                raise refusal("device.nothing_pending")
            return [devices.encode_object(entry_id) for entry_id in found]

        payloads = await self.context.view(held, prepare)
        items = tuple(Item(devices.DEVICE_OBJECT_TYPE, payload) for payload in payloads)
        return [written(entry) for entry in await self.context.append(held, items)]

    async def rest(self, group: str, lying_voters: int | None) -> shapes.Written:
        held = self.context.held(group)

        def prepare(view: GroupView) -> bytes:
            if tables.voter(view.rows, view.me[0]) is None:
                raise refusal("voter.no_voter")
            return voters.encode_leave(lying_voters)

        return await self._say(held, voters.AWAY_TYPE, await self.context.view(held, prepare))

    async def come_back(self, group: str) -> shapes.Written:
        held = self.context.held(group)

        def prepare(view: GroupView) -> bytes:
            member_id, _ = view.me
            if not tables.is_in_good_standing(view.rows, member_id):
                raise refusal("voter.suspended")
            row, away = tables.voter(view.rows, member_id), tables.away(view.rows, member_id)
            if away is not None and away.reason == "council":
                raise refusal("voter.council")
            if away is None and (row is None or not row.going):
                raise refusal("voter.not_away")
            return voters.encode_return()

        return await self._say(held, voters.RETURN_TYPE, await self.context.view(held, prepare))

    async def _say(self, held: HeldGroup, type_: str, payload: bytes) -> shapes.Written:
        return written(await self.context.say(held, type_, payload))


def _last_final(queries: GroupQueries) -> tuple[int, bytes] | None:
    """The last final block here."""
    row = queries.chain.tip()
    return None if row is None else (row.height, row.id)


def _own_beginning(queries: GroupQueries, own: bytes) -> tuple[WireEntry, ...]:
    """Everything that this device has written for members, from its first entry on."""
    lanes = [lane for lane in queries.lanes() if lane.author == own and lane.lane == Lane.LOCAL]
    return tuple(
        WireEntry(stored.header, stored.signature or b"", stored.payload or b"")
        for lane in lanes
        for stored in queries.entries(lane.number, 0, lane.seq)
    )


def _device_rows(view: GroupView) -> list[shapes.DeviceRow]:
    member = view.describer.member_of(view.own_key) or recovering_for(view)
    if member is None:
        raise refusal("member.not_one")
    voter = tables.voter(view.rows, member)
    due = {row.device: row.due_ms for _, row in tables.pending(view.rows) if row.kind == "revoke"}
    recovers = [item for item in tables.pending(view.rows) if item[1].kind == "recover"]
    ordered = {entry_id for entry_id, _ in tables.pending(view.final)}
    rows = [
        shapes.DeviceRow(
            did=did_of(key),
            status=row.status,
            is_self=key == view.own_key,
            is_voting=voter is not None and voter.key == key,
            revoked_ms=due.get(key),
            takes_over_ms=None,
        )
        for key, row in tables.devices(view.rows)
        if row.member == member
    ]
    return rows + [
        shapes.DeviceRow(
            did=did_of(row.device),
            status="recovering",
            is_self=row.device == view.own_key,
            is_voting=False,
            revoked_ms=None,
            takes_over_ms=row.due_ms if entry_id in ordered else None,
        )
        for entry_id, row in recovers
        if row.member == member
    ]


def recovering_for(view: GroupView) -> bytes | None:
    """The member whose devices this one will replace, unless an old one objects."""
    pending = (row for _, row in tables.pending(view.rows) if row.kind == "recover")
    return next((row.member for row in pending if row.device == view.own_key), None)


def _own_device(view: GroupView, word: str) -> bytes:
    """A device of one's own, by did or the end of one. Errors: UsageError device.*."""
    member = view.me[0]
    candidates = [Named(did_of(key), "") for key, row in tables.devices(view.rows) if row.member == member]
    return device_key_of_did(choose("device", word, candidates, where="p2pnode device list"))


def _answer(text: str) -> tuple[bytes, bytes]:
    """The key and the signature in what `device accept` printed. Errors: UsageError device.bad_answer."""
    did, _, signature = text.strip().removeprefix(_ANSWER).rpartition(":")
    try:
        key, signed = device_key_of_did(did), bytes.fromhex(signature)
    except (FormatError, ValueError):
        key, signed = DeviceKey(bytes(KEY_BYTES)), b""
    if len(signed) != SIGNATURE_BYTES:
        raise UsageError(
            "device.bad_answer",
            "that is not what a new device answers",
            "copy the whole line that `p2pnode device accept` printed on it",
        )
    return key, signed

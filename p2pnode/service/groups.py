"""Groups, invitations, joining and leaving."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import trio

from p2pnode.chain.parting import Parting, parting_in
from p2pnode.core.annex import annex_hash
from p2pnode.core.entry import read_entry
from p2pnode.core.errors import FormatError, PeerError, Unreachable, UsageError
from p2pnode.core.events import Forget, Item, Leave, PrepareJoin
from p2pnode.core.events import Joined as JoinedEvent
from p2pnode.core.ids import DeviceKey, did_of
from p2pnode.core.limits import INVITATION_ADDRESSES_MAX
from p2pnode.governance import joining, tables
from p2pnode.governance.inception import Inception
from p2pnode.governance.invitation import Link, encode_link, invite, parse_link
from p2pnode.governance.state import PETITION_RULES
from p2pnode.home import Home
from p2pnode.local import shapes
from p2pnode.opening import PreparedJoin
from p2pnode.port import HeldGroup
from p2pnode.service.context import Context
from p2pnode.service.parted import as_of
from p2pnode.service.pending import AWAY_RULE, PendingJoin
from p2pnode.service.rules import RULES, refusal
from p2pnode.service.viewing import GroupView
from p2pnode.service.waiting import waiting_of
from p2pnode.store.group_file import GroupQueries
from protocols import join as join_protocol
from protocols.port import JoinAnswer, JoinRequest, WireEntry

_JOIN_TIMEOUT_S = 20
_STANDING_TIMEOUT_S = 10
_TOLD_TIMEOUT_S = 5
_TEMPLATES = "config_files/templates"


class GroupsService:
    """The part of the service about groups."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def groups(self) -> list[shapes.GroupSummary]:
        return [await self._summary(held) for held in self.context.port.groups().values()]

    async def group(self, group: str) -> shapes.GroupDetail:
        return await self._detail(self.context.held(group))

    async def _summary(self, held: HeldGroup) -> shapes.GroupSummary:
        own = self.context.port.own_key

        def read(queries: GroupQueries) -> tuple[int, int, int, Parting | None, str]:
            wanted, forks = len(queries.wanted_annexes(1000)), len(queries.fork_proofs())
            parting = parting_in(queries)
            return len(queries.undecided()), wanted, forks, parting, as_of(queries, own)

        waiting = await waiting_of(self.context, held)
        undecided, wanted, forks, parting, shown_of = await self.context.query(held, read)
        heads = held.frontier.heads.values()
        return shapes.GroupSummary(
            id=held.group.hex(),
            name=held.name,
            kind=held.state.charter.kind,
            standing="removed" if parting else held.state.standing(own) or "follower",
            frontier=held.frontier.digest(frozenset({0, 1, 2})).hex(),
            entries=held.entry_count,
            authors=len({head.author for head in heads}),
            members=sum(member.status != "left" for member in held.state.members.values()),
            undecided=undecided,
            height=waiting["height"],
            waits_for=waiting["sentence"],
            level=waiting["level"],
            as_of=shown_of,
            wanted=wanted,
            forks=forks,
            disk_bytes=_file_bytes(self.context.home, held.group),
        )

    async def _detail(self, held: HeldGroup) -> shapes.GroupDetail:
        summary = await self._summary(held)

        def read(view: GroupView) -> shapes.GroupDetail:
            founding, rows = view.queries.founding(), view.final
            inceptions = held.state.founding.inceptions
            seats, until_ms = tables.council(rows) or ((), None)
            return shapes.GroupDetail(
                summary=summary,
                charter=dict(held.state.charter.value),
                founders=[did_of(inception.device_key) for inception in inceptions],
                voters=[did_of(voter) for voter in held.state.voters],
                founder_names=view.names(inception.member_id for inception in inceptions),
                voter_names=view.names(member_id for member_id, _ in tables.voters(view.rows)),
                council=view.names(seats),
                council_until_ms=until_ms,
                rule_version=tables.read_uint(rows, tables.RULE_VERSION_KEY, 1),
                parked=len(view.describer.parked),
                founded_ms=read_entry(founding.header, None, None).header.time_ms,
            )

        return await self.context.view(held, read)

    async def invite(self, group: str, uses: int, expires_ms: int) -> shapes.Invited:
        held = self.context.held(group)
        if held.state.standing(self.context.port.own_key) != "member" or await self._parting(held):
            raise UsageError(
                "invite.not_member",
                "only a member whose admission is final can invite",
                "wait until the group has decided about you: p2pnode group show",
            )
        if expires_ms <= self.context.port.now_ms():
            raise UsageError(
                "invite.expired", "the invitation would have expired already", "choose a later end"
            )
        addresses = self.context.addresses()[:INVITATION_ADDRESSES_MAX]
        if not addresses:
            raise UsageError(
                "invite.no_address",
                "this node listens nowhere that others could reach",
                "set announce in node.toml",
            )
        try:
            link = invite(
                self.context.port.signing_key,
                held.state.group,
                os.urandom(32),
                uses=uses,
                expiry_ms=expires_ms,
                rule=held.state.charter.admission,
                # Whose addresses they are stands in the invitation: without it a QR code is half as large.
                addresses=[address.partition("/p2p/")[0] for address in addresses],
                name=held.name,
            )
        except FormatError as error:
            raise UsageError(
                error.rule, error.detail, "p2pnode invite --help tells what is possible"
            ) from error
        return shapes.Invited(
            link=encode_link(link),
            group=held.group.hex(),
            name=held.name,
            uses=uses,
            expires_ms=expires_ms,
            addresses=list(addresses),
        )

    async def join(self, link: str, my_name: str) -> shapes.Joined:
        parsed = parse_link(link)
        group = bytes(parsed.invitation.group)
        # A request that waits for people already was in time; the group judges it, not the link's end.
        before = self.context.pending_joins.get(group)
        is_asked = before is not None and before.link == encode_link(parsed) and before.rule in PETITION_RULES
        if parsed.invitation.expiry_ms < self.context.port.now_ms() and not is_asked:
            raise UsageError(
                "invite.expired", f"this invitation to {parsed.name} has expired", "ask for a new one"
            )
        annex = self.context.annex(name=my_name)
        held = self.context.port.groups().get(group)
        if held is not None and await self._is_outside(held):
            return await self._ask_back(held, parsed, annex)
        prepared: PreparedJoin = await self.context.port.ask(
            lambda request: PrepareJoin(request, link, self.context.recovery_commitment, annex)
        )
        try:
            with trio.fail_after(_JOIN_TIMEOUT_S):
                answer = await self._knock(prepared)
        except (Unreachable, trio.TooSlowError) as error:
            reason = str(error) or "no answer in time"
            away = f"the inviter cannot be reached now ({reason})"
            self._wait_for(group, parsed, AWAY_RULE, away)
            return shapes.Joined(
                group=group.hex(),
                name=parsed.name,
                standing="petitioner",
                entry=_last_id(prepared),
                entries=0,
                message=f"{away}; this node keeps trying while it runs",
            )
        except PeerError as error:
            self.context.pending_joins.pop(group, None)
            raise _bad_answer(error) from error
        if answer.verdict == "petition":
            return self._petitioning(group, prepared, answer)
        self.context.pending_joins.pop(group, None)
        if answer.verdict not in ("member", "provisional") or answer.founding is None:
            meaning, remedy = RULES.get(answer.rule, (answer.message or answer.rule, ""))
            raise UsageError(
                answer.rule or "join.refused",
                f"{parsed.name} did not admit this device: {meaning}",
                remedy or "ask the inviter for a new link",
            )
        try:
            return await self._enter(group, prepared, answer)
        except FormatError as error:
            raise _bad_answer(error) from error

    async def _ask_back(self, held: HeldGroup, link: Link, annex: bytes) -> shapes.Joined:
        """Ask to come back into a group that this node still holds: with the next entry of its own log."""
        inception = Inception(
            DeviceKey(self.context.port.own_key), self.context.recovery_commitment, annex_hash(annex)
        )
        payload = joining.encode(joining.join_by(link, inception))
        rule = None
        if await self._parting(held) is None:
            # Else the rows here are older than what is asked for, and say nothing about it.
            rule = await self.context.view(held, lambda view: view.void_rule_of(joining.JOIN_TYPE, payload))
        if rule is not None and rule not in PETITION_RULES:
            raise refusal(rule)
        entry = (await self.context.append(held, (Item(joining.JOIN_TYPE, payload, annexes=(annex,)),)))[0]
        # It stands in the log now: an older request must not be written again and again.
        self.context.pending_joins.pop(held.group, None)
        meaning, _ = RULES.get(rule or "", ("a block of the group has to order it first", ""))
        return shapes.Joined(
            group=held.group.hex(),
            name=held.name,
            standing="petitioner" if rule else "provisional",
            entry=entry.id.hex(),
            entries=held.entry_count,
            message=meaning,
        )

    async def _is_outside(self, held: HeldGroup) -> bool:
        """Whether this device belongs to nobody in a group that this node holds."""
        standing = held.state.standing(self.context.port.own_key)
        return standing in (None, "removed") or await self._parting(held) is not None

    async def _parting(self, held: HeldGroup) -> Parting | None:
        """By what this device is gone, as others have shown while the rows here do not say so yet."""
        return await self.context.query(held, parting_in)

    def _wait_for(self, group: bytes, link: Link, rule: str, message: str) -> None:
        """Keep a request in mind, to ask again and to be shown."""
        self.context.pending_joins[group] = PendingJoin(encode_link(link), link.name, rule, message)

    def _petitioning(self, group: bytes, prepared: PreparedJoin, answer: JoinAnswer) -> shapes.Joined:
        """Where a request stands that waits for people; this node asks again from time to time."""
        meaning, _ = RULES.get(answer.rule, (answer.message, ""))
        self._wait_for(group, prepared.link, answer.rule, meaning)
        return shapes.Joined(
            group=group.hex(),
            name=prepared.link.name,
            standing="petitioner",
            entry=_last_id(prepared),
            entries=0,
            message=f"{meaning}; this node keeps asking while it runs",
        )

    async def _knock(self, prepared: PreparedJoin) -> JoinAnswer:
        """Ask the inviter's node. Errors: Unreachable."""
        key = bytes(prepared.link.invitation.inviter)
        addresses = [address.partition("/p2p/")[0] for address in prepared.link.addresses]
        self.context.book.add(key, addresses, source="invitation", is_wanted=True)
        self.context.supervisor.want(key, addresses)
        await self.context.host.dial(key, addresses)
        request = JoinRequest(
            bytes(prepared.link.invitation.group),
            tuple(WireEntry(*entry) for entry in prepared.entries),
            prepared.annexes,
        )
        return await self.hand_in(key, request)

    async def hand_in(self, key: bytes, request: JoinRequest) -> JoinAnswer:
        """Hand first entries to a member's node. Errors: Unreachable."""
        if key not in self.context.host.connected():
            await self.context.host.dial(key, self.context.book.peers[key].addresses)
        stream = await self.context.host.open_stream(key, join_protocol.ID)
        try:
            return await join_protocol.ask(stream, request)
        finally:
            await stream.close()

    async def _enter(self, group: bytes, prepared: PreparedJoin, answer: JoinAnswer) -> shapes.Joined:
        founding = answer.founding
        assert founding is not None
        await self.context.port.ask(
            lambda request: JoinedEvent(
                request, group, (founding.header, founding.signature, founding.payload)
            )
        )
        held = self.context.port.groups()[group]
        with trio.move_on_after(_STANDING_TIMEOUT_S):
            async with self.context.port.watch() as changes:
                while held.state.standing(self.context.port.own_key) != "member":
                    await changes.receive()
        standing = held.state.standing(self.context.port.own_key) or "follower"
        message = (
            f"you are a member of {held.name}"
            if standing == "member"
            else f"{held.name} has let you in provisionally; it becomes final when a voter has seen it"
        )
        return shapes.Joined(
            group=group.hex(),
            name=held.name,
            standing=standing,
            entry=_last_id(prepared),
            entries=held.entry_count,
            message=message,
        )

    async def keep_joining(self) -> None:
        """Knock again for requests that found nobody at home, for ever."""
        while True:
            await trio.sleep(_JOIN_TIMEOUT_S)
            for group, pending in list(self.context.pending_joins.items()):
                if pending.is_refused:
                    continue
                try:
                    await self.join(pending.link, "")
                except UsageError as error:
                    # It stays to be seen in `status`; nobody reads this node's events all the time.
                    self.context.pending_joins[group] = replace(
                        pending, rule=error.rule, message=error.message, is_refused=True
                    )
                    self.context.emit(
                        {
                            "event": "notice",
                            "rule": error.rule,
                            "message": error.message,
                            "remedy": error.remedy,
                        }
                    )

    def meet(self, key: bytes, addresses: Sequence[str]) -> None:
        """Dial somebody of whom a file tells, from now on."""
        if key != self.context.port.own_key and addresses:
            bare = [address.partition("/p2p/")[0] for address in addresses]
            self.context.book.add(key, bare, source="invitation", is_wanted=True)
            self.context.supervisor.want(key, bare)

    async def leave_group(self, group: str, delete: bool) -> shapes.Left:
        held = self.context.held(group)
        entry: str | None = None
        told = 0
        if held.state.standing(self.context.port.own_key) in ("member", "provisional"):
            written = await self.context.port.ask(lambda request: Leave(request, held.group))
            entry = written[0].id.hex()
            told = len(self.context.host.connected())
            if delete and told:
                # Give the farewell a moment to reach the peers before its only copy is deleted.
                with trio.move_on_after(_TOLD_TIMEOUT_S):
                    await self.context.port.settled(held.group)
        deleted = 0
        if delete:
            deleted = _file_bytes(self.context.home, held.group)
            await self.context.port.ask(lambda request: Forget(request, held.group))
        return shapes.Left(
            group=held.group.hex(), name=held.name, entry=entry, told_peers=told, deleted_bytes=deleted
        )


def _bad_answer(error: PeerError | FormatError) -> UsageError:
    return UsageError(
        error.rule,
        "the inviter's node answered with what no correct node writes",
        "ask the inviter to upgrade p2pnode and to send a new link",
    )


def _last_id(prepared: PreparedJoin) -> str:
    return read_entry(prepared.entries[-1][0], None, None).id.hex()


def _file_bytes(home: Home, group: bytes) -> int:
    path = home.group_db(group)
    files = [path.with_name(path.name + companion) for companion in ("", "-wal", "-shm")]
    return sum(file.stat().st_size for file in files if file.exists())

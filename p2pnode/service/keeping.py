"""The node itself: status, checks, disk, backup, explanations, events, stopping."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import trio

import p2pnode
from p2pnode.backup import files_of, write_archive
from p2pnode.chain import parting
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Alert
from p2pnode.core.ids import did_of, peer_id_of
from p2pnode.local import shapes
from p2pnode.service import explaining
from p2pnode.service.groups import GroupsService
from p2pnode.store.database import copy_database
from p2pnode.verifying import Findings, verify_group

_REMEDIES = {
    "restore.unconfirmed": "leave the node running until a member of the group is reachable (p2pnode "
    "peers list)",
    "key.forked": "join again with a new key: p2pnode --profile NAME join LINK",
    "convocation.asked": "p2pnode group convene {group} --yes, once you have tried to reach the others",
    "chain.schism": "the members talk, and found a new group that continues this one; p2pnode backup first",
    parting.ALERT_RULE: "p2pnode why {group} tells more; a member may invite you again: p2pnode invite",
    "rules.later": "upgrade p2pnode, and start it again; nothing is lost meanwhile",
    "store.set_aside": "nothing: the group is being fetched again; the damaged file can be deleted later",
}


_NO_WRITING = frozenset({"key.forked", "restore.unconfirmed"})
"""Alerts that mean that nothing is signed, in some group at least."""


class KeepingService(GroupsService):
    """The part of the service about the node itself."""

    async def status(self) -> shapes.Status:
        context = self.context
        groups = await self.groups()
        names = {group["id"]: group["name"] for group in groups}
        heights = {group["id"]: group["height"] for group in groups}
        return shapes.Status(
            version=p2pnode.__version__,
            pid=os.getpid(),
            home=str(context.home.path),
            started_ms=context.started_ms,
            peer_id=peer_id_of(context.port.own_key),
            did=did_of(context.port.own_key),
            addresses=context.addresses(),
            api=f"http://127.0.0.1:{context.api_port}",
            peers_connected=len(context.host.connected()),
            peers_known=len(context.book.peers),
            may_write=not any(alert.rule in _NO_WRITING for alert in context.port.alerts.values()),
            groups=groups,
            notices=[
                shapes.Notice(
                    rule=alert.rule,
                    message=alert.message,
                    remedy=_REMEDIES.get(alert.rule, "").format(
                        group=names.get(alert.facts.get("group", ""), "")
                    ),
                )
                for alert in context.port.alerts.values()
                if not _is_over(alert, heights)
            ]
            + [pending.notice for pending in context.pending_joins.values()],
        )

    async def verify(self, group: str | None) -> shapes.Verification:
        helds = [self.context.held(group)] if group else list(self.context.port.groups().values())
        found: list[Findings] = []
        token = trio.lowlevel.current_trio_token()
        for held in helds:
            tell = partial(self._tell_progress, token, held.group)
            found.append(
                await self.context.query(
                    held, partial(verify_group, group=held.group, told=tell, is_stopped=_never)
                )
            )
        return shapes.Verification(
            groups=len(found),
            entries=sum(one.entries for one in found),
            signatures=sum(one.signatures for one in found),
            payload_bytes=sum(one.payload_bytes for one in found),
            damage=[damage for one in found for damage in one.damage],
        )

    def _tell_progress(self, token: trio.lowlevel.TrioToken, group: bytes, done: int, total: int) -> None:
        event = {"event": "verify", "group": group.hex(), "done": done, "total": total}
        token.run_sync_soon(self.context.emit, event)

    async def why(self, word: str) -> shapes.Explanation:
        return await explaining.explain(self.context, word)

    async def disk(self) -> shapes.Disk:
        use = self.context.home.disk_use()
        groups = [
            shapes.GroupDisk(
                id=held.group.hex(),
                name=held.name,
                disk_bytes=use.groups.get(held.group.hex(), 0),
                entries=held.entry_count,
            )
            for held in self.context.port.groups().values()
        ]
        return shapes.Disk(
            home=str(self.context.home.path),
            total_bytes=use.node_bytes + sum(use.groups.values()),
            free_bytes=use.free_bytes,
            node_bytes=use.node_bytes,
            groups=groups,
        )

    async def backup(self, path: str) -> shapes.Backup:
        target = Path(path)
        if not target.is_absolute():
            raise UsageError("backup.relative_path", f"{path} is not an absolute path", "name the whole path")
        self.context.port.flush_cursors()
        archived = await trio.to_thread.run_sync(self._back_up, target)
        return shapes.Backup(path=path, bytes=archived, groups=len(self.context.port.groups()))

    def _back_up(self, target: Path) -> int:
        """Copy the databases as SQLite sees them, group files first: node.db must not be older than a
        group.
        """
        home = self.context.home
        with tempfile.TemporaryDirectory(dir=home.path, prefix=".backup-") as folder:
            copies: dict[str, Path] = {}
            for name, path in sorted(files_of(home).items(), key=lambda item: item[0].startswith("groups/")):
                if name.endswith(("-wal", "-journal")):
                    continue
                copies[name] = Path(folder) / name.replace("/", "-")
                if name.endswith(".db"):
                    copy_database(path, copies[name])
                else:
                    shutil.copyfile(path, copies[name])
            write_archive(target, copies)
        return target.stat().st_size

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        async with self.context.listening() as receive:
            yield {"event": "ready"}
            async for event in receive:
                yield event
            yield {"event": "resync"}

    async def shutdown(self) -> None:
        self.context.stop()


def _is_over(alert: Alert, heights: dict[str, int]) -> bool:
    """Whether this node's chain has come to the block that answers it."""
    group, height = alert.facts.get("group", ""), alert.facts.get("height")
    is_question = alert.rule in ("convocation.asked", parting.ALERT_RULE)
    return is_question and height is not None and heights.get(group, 0) >= int(height)


def _never() -> bool:
    return False

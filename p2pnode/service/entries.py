"""Entries: contributing, importing, reading the log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from p2pnode.core.amount import amount_of_text
from p2pnode.core.annex import annex_hash, encode_annex
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Item
from p2pnode.core.limits import ANNEX_BYTES_MAX, ANNEX_SALT_BYTES
from p2pnode.describing import Filter, is_start_of_id
from p2pnode.economy import batch, contribution
from p2pnode.economy import claim as claims
from p2pnode.economy.contribution import Contribution
from p2pnode.economy.labels import unit_of_label
from p2pnode.economy.measure import Measure
from p2pnode.local import shapes
from p2pnode.port import HeldGroup
from p2pnode.service.context import Context
from p2pnode.service.foreseeing import foresee
from p2pnode.service.rules import refusal

_CLAIMS_MAX = 500
_BATCH_CLAIMS = 250
"""As many as fit into a payload, also of a repository with SHA-256."""

_MESSAGE_CHARACTERS_MAX = 8000
_LOG_ROWS_MAX = 1000


class EntriesService:
    """The part of the service about entries."""

    context: Context

    async def contribute(self, group: str, body: shapes.ContributionBody, note: str) -> shapes.Written:
        held = self.context.held(group)
        annex = self.context.annex(note=note) if note else None
        try:
            payload = contribution.encode(self._contribution(held, body, annex))
        except FormatError as error:
            raise UsageError(
                error.rule,
                f"this contribution does not hold: {error.detail or error.rule}",
                "p2pnode contribute --help shows examples",
            ) from error
        item = Item(contribution.CONTRIBUTION_TYPE, payload, annexes=(annex,) if annex is not None else ())
        entries = await self.context.append(held, (item,))
        return written(entries[0])

    def _contribution(
        self, held: HeldGroup, body: shapes.ContributionBody, annex: bytes | None
    ) -> Contribution:
        scope = body.get("commons") or held.name
        return Contribution(
            action=body["action"],
            resource_conforms_to=body.get("resource") or scope,
            performed_ms=body.get("performed_ms", self.context.port.now_ms()),
            in_scope_of=scope,
            stream=body.get("stream", "commons"),
            resource_quantity=_measure(body.get("quantity"), body.get("quantity_unit"), "one"),
            effort_quantity=_measure(body.get("effort"), body.get("effort_unit"), "hour"),
            annex=None if annex is None else annex_hash(annex),
        )

    async def claims_known(self, group: str, root: str, commits: Sequence[str]) -> list[str]:
        held = self.context.held(group)
        await self.context.catch_up(held)
        known = await self.context.query(
            held,
            lambda queries: queries.claim_positions(bytes.fromhex(root), [bytes.fromhex(c) for c in commits]),
        )
        return [commit for commit in commits if bytes.fromhex(commit) in known]

    async def import_claims(
        self, group: str, root: str, claims_: Sequence[shapes.GitClaim]
    ) -> shapes.Imported:
        if len(claims_) > _CLAIMS_MAX:
            raise UsageError(
                "import.too_many", f"at most {_CLAIMS_MAX} claims in one call", "send them in several calls"
            )
        held = self.context.held(group)
        known = set(await self.claims_known(group, root, [claim["commit"] for claim in claims_]))
        fresh = {claim["commit"]: claim for claim in claims_ if claim["commit"] not in known}
        named = {one for one in (claim.get("provider") for claim in claims_) if one}
        strangers = [one for one in sorted(named) if bytes.fromhex(one) not in held.state.members]
        if strangers:
            raise refusal("claim.no_such_agent")
        try:
            items = tuple(_claim_items(root, list(fresh.values())))
        except FormatError as error:
            raise UsageError(
                error.rule, f"a claim does not hold: {error.detail}", "update git and p2pnode"
            ) from error
        if items:
            await self.context.append(held, items)
        return shapes.Imported(
            group=held.group.hex(), written=len(fresh), known=len(claims_) - len(fresh), entries=len(items)
        )

    async def log(
        self,
        group: str | None,
        author: str | None,
        lane: int | None,
        type_: str | None,
        limit: int,
        before: int | None,
        votes: bool,
    ) -> shapes.LogPage:
        limit = min(limit, _LOG_ROWS_MAX)
        helds = [self.context.held(group)] if group else list(self.context.port.groups().values())
        key = None if author is None else self._author(helds, author)
        wanted = Filter(key, lane, type_, votes)
        pages = [
            await self.context.describe(held, lambda describer: describer.page(wanted, limit, before))
            for held in helds
        ]
        for held, page in zip(helds, pages, strict=True):
            await foresee(self.context, held, page["rows"])
        if len(pages) == 1:
            return pages[0]
        return merged(pages, limit)

    def _author(self, helds: Sequence[HeldGroup], word: str) -> bytes:
        if word == "me":
            return self.context.port.own_key
        devices = [key for held in helds for key, _ in held.frontier.heads]
        return self.context.book.find(word, devices)

    async def entry(self, entry: str) -> shapes.EntryDetail:
        word = entry.strip().lower()
        if not is_start_of_id(word):
            raise UsageError(
                "entry.bad_id",
                "an entry is named by at least four hexadecimal digits",
                "p2pnode log show lists ids",
            )
        found: list[shapes.EntryDetail] = []
        for held in list(self.context.port.groups().values()):
            found += await self.context.describe(held, lambda describer: describer.details(word))
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError("entry.ambiguous", f"{word} fits several entries", "give more digits")
        raise UsageError("entry.unknown", f"no entry here starts with {word}", "p2pnode log show lists ids")


def merged(pages: Sequence[shapes.LogPage], limit: int) -> shapes.LogPage:
    """One page of the newest entries out of one of each group.

    Shapes: what is older than where one of them was looked through to waits for the next page, or else
    entries in between would be on none.
    """
    looked = max((page["next"] or 0 for page in pages), default=0)
    rows = [row for page in pages for row in page["rows"] if row["cursor"] >= looked]
    is_more = looked > 0 or len(rows) > limit
    rows = sorted(rows, key=lambda row: -row["cursor"])[:limit]
    following = rows[-1]["cursor"] if len(rows) == limit else looked
    return shapes.LogPage(rows=rows, next=following if is_more else None)


def _measure(amount: str | None, label: str | None, default_unit: str) -> Measure | None:
    if not amount:
        return None
    return Measure(amount_of_text(amount), unit_of_label(label) if label else default_unit)


def _claim_items(root: str, claims_: Sequence[shapes.GitClaim]) -> Iterator[Item]:
    """Signed batches of claims of one repository; annexes go with the batch that names them."""
    for start in range(0, len(claims_), _BATCH_CLAIMS):
        annexes: list[bytes] = []
        records: list[dict[str, Value]] = []
        for said in claims_[start : start + _BATCH_CLAIMS]:
            annexes.append(_claim_annex(said))
            value = _claim(root, said, annexes[-1]).value
            records.append({name: item for name, item in value.items() if name != "root"})
        payload = batch.encode(claims.CLAIM_TYPE, {"root": bytes.fromhex(root)}, records)
        yield Item(batch.BATCH_TYPE, payload, annexes=tuple(annexes))


def _claim_annex(claim: shapes.GitClaim) -> bytes:
    annex = encode_annex(
        os.urandom(ANNEX_SALT_BYTES),
        {
            "author": claim["author"],
            "co_authors": list(claim["co_authors"]),
            "message": claim["message"][:_MESSAGE_CHARACTERS_MAX],
        },
    )
    assert len(annex) <= ANNEX_BYTES_MAX
    return annex


def _claim(root: str, claim: shapes.GitClaim, annex: bytes) -> claims.Claim:
    provider = claim.get("provider")
    made = claims.Claim(
        bytes.fromhex(root),
        bytes.fromhex(claim["commit"]),
        claim["authored_ms"],
        claim["files"],
        claim["lines_added"],
        claim["lines_removed"],
        annex_hash(annex),
        bytes.fromhex(provider) if provider else None,
    )
    claims.encode(made)
    return made


def written(entry: Entry) -> shapes.Written:
    header = entry.header
    return shapes.Written(
        entry=entry.id.hex(),
        group=entry.group.hex(),
        lane=header.lane,
        seq=header.seq,
        time_ms=header.time_ms,
    )

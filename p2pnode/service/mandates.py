"""Mandates: which are in force, what was said by them, and signing that an entry is said for the group."""

from __future__ import annotations

from p2pnode.core.errors import UsageError
from p2pnode.governance import mandate as mandates
from p2pnode.governance import tables
from p2pnode.governance.mandate import MandateRow, OnBehalf, Signing
from p2pnode.local import shapes
from p2pnode.local.naming import Named, choose
from p2pnode.service.entries import EntriesService, written
from p2pnode.service.viewing import GroupView


class MandatesService(EntriesService):
    """The part of the service about mandates."""

    async def mandates(self, group: str) -> list[shapes.MandateShown]:
        return await self.context.view(self.context.held(group), _shown_mandates)

    async def sign_mandate(self, group: str, mandate: str, entry: str, act: str | None) -> shapes.Written:
        held = self.context.held(group)
        detail = (await self.entry(entry))["row"]
        if detail["group"] != held.group.hex():
            raise UsageError(
                "mandate.other_group",
                "that entry belongs to another group than the mandate",
                "p2pnode log show lists the entries of each group",
            )

        def prepare(view: GroupView) -> bytes:
            mandate_id = mandate_of(view, mandate)
            row = mandates.mandate(view.rows, mandate_id)
            assert row is not None
            entry_id = bytes.fromhex(detail["entry"])
            return mandates.encode_sign(Signing(mandate_id, entry_id, _act(row, act)))

        payload = await self.context.view(held, prepare)
        return written(await self.context.say(held, mandates.SIGN_TYPE, payload))


def mandate_of(view: GroupView, word: str) -> bytes:
    """The mandate that a person means, by name or id; one in force before one that is over.

    Errors: UsageError mandate.unknown, mandate.ambiguous.
    """
    held = mandates.mandates(view.rows)
    in_force = {mandate_id for mandate_id, row in held.items() if row.until_ms >= view.now_ms}
    named = [Named(mandate_id.hex(), row.name) for mandate_id, row in held.items()]
    current = [one for one in named if bytes.fromhex(one.id) in in_force]
    try:
        return bytes.fromhex(choose("mandate", word, current, where="p2pnode mandate list"))
    except UsageError as error:
        if error.rule != "mandate.unknown":
            raise
        return bytes.fromhex(choose("mandate", word, named, where="p2pnode mandate list"))


def said_by_mandates(view: GroupView, entry_id: bytes) -> list[str]:
    """In whose name an entry is said, and who has yet to sign, as sentences."""
    return [_in_words(view, one) for one in mandates.on_behalf(view.rows, entry_id)]


def _in_words(view: GroupView, one: OnBehalf) -> str:
    row = mandates.mandate(view.rows, one.mandate)
    name = "a mandate that was taken back" if row is None else f"the mandate {row.name}"
    signers = ", ".join(view.name(signer) for signer in one.signers)
    if one.height is not None:
        return f"said on behalf of the group ({one.act}) by {name}, signed by {signers}"
    needed = "" if row is None else f" of {row.needed}"
    count = f"{len(one.signers)}{needed} signed"
    return f"to be said on behalf of the group ({one.act}) by {name}: {count}, {signers}"


def _act(row: MandateRow, act: str | None) -> str:
    """The act that is meant. Errors: UsageError mandate.which_act."""
    if act is None and len(row.acts) == 1:
        return row.acts[0]
    if act is None:
        raise UsageError(
            "mandate.which_act", f"the mandate covers {', '.join(row.acts)}", f"add --act {row.acts[0]}"
        )
    return act


def _shown_mandates(view: GroupView) -> list[shapes.MandateShown]:
    said: dict[bytes, list[shapes.SaidOnBehalf]] = {}
    for key, (act, signers, height) in tables.scan(view.rows, "on_behalf"):
        entry_id, mandate_id = key[:32], key[32:]
        entry = view.describer.entry_of(entry_id)
        said.setdefault(mandate_id, []).append(
            shapes.SaidOnBehalf(
                entry=entry_id.hex(),
                act=act,
                signers=view.names(signers),
                holds=height is not None,
                text="" if entry is None else view.describer.sentence(entry),
            )
        )
    return [
        shapes.MandateShown(
            id=mandate_id.hex(),
            name=row.name,
            holders=view.names(row.holders),
            needed=row.needed,
            acts=list(row.acts),
            until_ms=row.until_ms,
            is_over=view.now_ms > row.until_ms,
            is_mine=view.describer.member_of(view.own_key) in row.holders,
            said=said.get(mandate_id, []),
        )
        for mandate_id, row in mandates.mandates(view.rows).items()
    ]

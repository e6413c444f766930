"""Founding: alone from a charter, or with others by a draft that each founder signs and passes on.

A draft travels as a file, so founders need not be on-line together, nor trust the one who carries it: what
they sign are the terms, which name every founder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources

from p2pnode.core import codec
from p2pnode.core.annex import annex_hash, decode_annex
from p2pnode.core.entry import check_alone
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Found, OpenGroup
from p2pnode.core.ids import DeviceKey, did_of
from p2pnode.governance import founding as terms
from p2pnode.governance.charter import Charter, charter_of_toml, charter_of_value
from p2pnode.governance.founding import Founding
from p2pnode.governance.inception import Inception, inception_of_value
from p2pnode.local.shapes import FounderOffer, FoundingDraft, FoundingTerms, GroupDetail
from p2pnode.service.decided import rules_in_words
from p2pnode.service.groups import GroupsService

_TEMPLATES = "config_files/templates"
_NONCE_BYTES = 32


class FoundingService(GroupsService):
    """The part of the service about founding."""

    async def found_group(self, name: str, template: str, my_name: str, charter: str | None) -> GroupDetail:
        checked = _charter(name, template, charter)
        annex = self.context.annex(name=my_name)
        group = await self.context.port.ask(
            lambda request: Found(
                request, checked.value, os.urandom(_NONCE_BYTES), self.context.recovery_commitment, annex
            )
        )
        return await self._detail(self.context.port.groups()[group])

    async def offer_founding(self, my_name: str) -> FounderOffer:
        return self._offer(my_name)

    def _offer(self, my_name: str) -> FounderOffer:
        annex = self.context.annex(name=my_name)
        key = DeviceKey(self.context.port.own_key)
        inception = Inception(key, self.context.recovery_commitment, annex_hash(annex))
        return FounderOffer(
            format="p2pnode/offer/1",
            inception_hex=codec.encode(inception.value).hex(),
            annex_hex=annex.hex(),
            addresses=self.context.addresses()[:16],
        )

    async def draft_founding(
        self, name: str, template: str, my_name: str, charter: str | None, offers: Sequence[FounderOffer]
    ) -> FoundingDraft:
        founders = [self._offer(my_name), *offers]
        inceptions = [_inception(offer) for offer in founders]
        try:
            proposed = terms.propose(_charter(name, template, charter), os.urandom(_NONCE_BYTES), inceptions)
        except FormatError as error:
            raise UsageError(
                error.rule, f"these founders cannot found a group: {error.detail}", "give each offer once"
            ) from error
        own = did_of(self.context.port.own_key)
        return FoundingDraft(
            format="p2pnode/founding/1",
            author=own,
            terms_hex=codec.encode(proposed.terms).hex(),
            offers=founders,
            signatures={own: terms.sign_terms(self.context.port.signing_key, proposed).hex()},
            entry_hex=[],
        )

    async def read_founding(self, draft: FoundingDraft) -> FoundingTerms:
        founding = _terms(draft)
        group = None
        if draft["entry_hex"]:
            group = check_alone(*(bytes.fromhex(part) for part in draft["entry_hex"])).group.hex()
        return FoundingTerms(
            name=founding.charter.name,
            charter=dict(founding.charter.value),
            rules=rules_in_words(founding.charter),
            founders=[_founder(draft, inception) for inception in founding.inceptions],
            author=draft["author"],
            missing=_missing(draft, founding),
            group=group,
        )

    async def sign_founding(self, draft: FoundingDraft) -> FoundingDraft:
        founding = _terms(draft)
        own = self.context.port.own_key
        mine = next((one for one in founding.inceptions if one.device_key == own), None)
        if mine is None or mine.recovery_commitment != self.context.recovery_commitment:
            raise UsageError(
                "founding.not_a_founder",
                "this device is none of the founders in the draft",
                "make an offer for the draft's author: p2pnode group offer FILE",
            )
        signature = terms.sign_terms(self.context.port.signing_key, founding)
        return {**draft, "signatures": {**draft["signatures"], did_of(own): signature.hex()}}

    async def open_founding(self, drafts: Sequence[FoundingDraft]) -> FoundingDraft:
        draft = drafts[0]
        for other in drafts[1:]:
            if other["terms_hex"] != draft["terms_hex"]:
                raise UsageError(
                    "founding.other_terms",
                    "the files are drafts of different terms",
                    "give copies of one draft only",
                )
            draft = {
                **draft,
                "signatures": {**other["signatures"], **draft["signatures"]},
                "entry_hex": draft["entry_hex"] or other["entry_hex"],
            }
        founding = _terms(draft)
        if not draft["entry_hex"]:
            draft = {**draft, "entry_hex": self._entry_of(draft, founding)}
        header, signature, payload = (bytes.fromhex(part) for part in draft["entry_hex"])
        entry = check_alone(header, signature, payload)
        if terms.read_founding(entry).terms != founding.terms:
            raise UsageError(
                "founding.other_terms", "the group was founded on other terms", "ask for the right file"
            )
        own = self.context.port.own_key
        if all(inception.device_key != own for inception in founding.inceptions):
            raise UsageError(
                "founding.not_a_founder",
                "this device is none of the founders",
                "ask a founder for an invitation: p2pnode invite",
            )
        annexes = tuple(bytes.fromhex(offer["annex_hex"]) for offer in draft["offers"])
        await self.context.port.ask(lambda request: OpenGroup(request, (header, signature, payload), annexes))
        for offer in draft["offers"]:
            self.meet(_inception(offer).device_key, offer["addresses"])
        return draft

    def _entry_of(self, draft: FoundingDraft, founding: Founding) -> list[str]:
        """The founding entry, which only the draft's author makes: there must not be two of them."""
        own = did_of(self.context.port.own_key)
        missing = _missing(draft, founding)
        if missing:
            raise UsageError(
                "founding.unsigned",
                f"not everybody has signed: {', '.join(missing)}",
                "each of them runs: p2pnode group sign FILE",
            )
        signed = [draft["signatures"][did_of(one.device_key)] for one in founding.inceptions]
        signatures = [bytes.fromhex(signature) for signature in signed]
        if draft["author"] != own:
            raise UsageError(
                "founding.not_the_author",
                "all have signed; whoever wrote the draft founds the group with it",
                "send the file back to them; they run: p2pnode group open FILE",
            )
        try:
            payload = terms.found(founding, signatures)
        except FormatError as error:
            raise UsageError(
                error.rule, f"the draft does not hold: {error.detail}", "sign the draft anew"
            ) from error
        entry = terms.founding_entry(self.context.port.signing_key, payload, self.context.port.now_ms())
        return [entry.header_bytes.hex(), (entry.signature or b"").hex(), payload.hex()]


def _missing(draft: FoundingDraft, founding: Founding) -> list[str]:
    """Who has not signed a draft yet, by name."""
    signed = draft["signatures"]
    return [_founder(draft, one) for one in founding.inceptions if did_of(one.device_key) not in signed]


def _charter(name: str, template: str, text: str | None) -> Charter:
    """The charter to found with. Errors: UsageError charter.*, template.unknown."""
    try:
        return charter_of_toml(_template(template) if text is None else text, name=name)
    except FormatError as error:
        remedy = "choose another name" if text is None else "p2pnode charter check FILE tells more"
        raise UsageError(error.rule, f"the charter does not hold: {error.detail}", remedy) from error


def _template(name: str) -> str:
    """The text of a charter template. Errors: UsageError template.unknown."""
    folder = resources.files("p2pnode").joinpath(_TEMPLATES)
    names = sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )
    if name not in names:
        raise UsageError(
            "template.unknown", f"there is no charter template {name!r}", f"choose one of {', '.join(names)}"
        )
    return folder.joinpath(name + ".toml").read_text(encoding="utf-8")


def _inception(offer: FounderOffer) -> Inception:
    """The beginning of a founder. Errors: UsageError offer.bad."""
    try:
        inception = inception_of_value(codec.decode(bytes.fromhex(offer["inception_hex"])))
        if inception.annex != annex_hash(bytes.fromhex(offer["annex_hex"])):
            raise FormatError("offer.bad", "the name is not the one that the offer commits to")
        decode_annex(bytes.fromhex(offer["annex_hex"]))
    except FormatError as error:
        raise UsageError("offer.bad", f"an offer does not hold: {error}", "ask for a new one") from error
    return inception


def _terms(draft: FoundingDraft) -> Founding:
    """The terms in a draft; signatures are checked at the founding. Errors: UsageError founding.*."""
    try:
        value = codec.decode(bytes.fromhex(draft["terms_hex"]))
        offered = {_inception(offer).device_key: offer for offer in draft["offers"]}
        inceptions = [inception_of_value(founder) for founder in value["founders"]]
        charter = charter_of_value(value["charter"])
        founding = terms.propose(charter, bytes(value["nonce"]), inceptions)
        if founding.terms != value or set(offered) != {one.device_key for one in inceptions}:
            raise FormatError("founding.bad_field", "not the terms that this program writes")
    except (FormatError, KeyError, TypeError) as error:
        rule = error.rule if isinstance(error, FormatError) else "founding.bad_field"
        raise UsageError(rule, f"the draft does not hold: {error}", "ask its author for a new one") from error
    return founding


def _founder(draft: FoundingDraft, inception: Inception) -> str:
    """What a founder is called in a draft."""
    for offer in draft["offers"]:
        if _inception(offer) == inception:
            name = decode_annex(bytes.fromhex(offer["annex_hex"])).get("name")
            return str(name) if name else did_of(inception.device_key)
    return did_of(inception.device_key)

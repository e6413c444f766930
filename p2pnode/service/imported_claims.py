"""Imported claims that wait for their author: those that name a member, and those that may be theirs."""

from __future__ import annotations

from collections.abc import Iterator

from p2pnode.core.annex import decode_annex
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.economy import event
from p2pnode.economy.labels import measure_text
from p2pnode.governance.tables import scan
from p2pnode.local.author_names import folded, words_of
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.service.economy_names import agent_name, kind_name
from p2pnode.service.viewing import GroupView

_LINE_CHARACTERS_MAX = 200


def claims_to_sign(
    view: GroupView, member_id: bytes, label: str | None = None, after: bytes = b""
) -> Iterator[tuple[bytes, EconomyRow]]:
    """The claims that a member may sign, ascending by id, behind a key.

    Shapes: they name the member; or they name nobody, and git calls the author like the member. With a label
    they are those alone whose author git calls so.
    """
    own = folded(view.name(member_id) if label is None else label)
    for key, value in scan(view.rows, "git_claim"):
        provider = value[1]
        if key <= after or provider not in (None, member_id):
            continue
        said = event.decode(value[2])
        words = _words(view, said.annex)
        is_named = label is None and provider == member_id
        if is_named or own in words_of(_text(words, "author")):
            yield key, _claim_shown(view, key, value, said, words)


def _claim_shown(
    view: GroupView, key: bytes, value: Value, said: event.Event, words: dict[str, Value]
) -> EconomyRow:
    importer, provider, _, entry, item, _ = value
    message = _text(words, "message").strip()
    measure = said.quantity
    return {
        "id": key.hex(),
        "entry": entry.hex() if entry == key else f"{entry.hex()}#{item}",
        "status": "claimed",
        "waits_for": [] if provider is None else [agent_name(view, provider)],
        "claims": said.action,
        "quantity": measure_text(measure),
        "kind": kind_name(view, said.resource_conforms_to),
        "git_author": _text(words, "author"),
        "provider": agent_name(view, provider),
        "receiver": view.describer.group_name,
        "author": agent_name(view, importer),
        "author_id": importer.hex(),
        "performed_ms": said.performed_ms,
        "stream": said.stream or "",
        "note": message.partition("\n")[0][:_LINE_CHARACTERS_MAX],
    }


def _words(view: GroupView, annex: bytes | None) -> dict[str, Value]:
    """What an annex says; nothing where it is not here or was erased."""
    held = view.queries.annexes([annex]) if annex is not None else []
    try:
        return decode_annex(held[0]) if held else {}
    except FormatError:
        return {}


def _text(words: dict[str, Value], name: str) -> str:
    text = words.get(name, "")
    return text if isinstance(text, str) else ""

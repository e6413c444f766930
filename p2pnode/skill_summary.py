"""A record of skills, ready for JSON: of a running node, or of a file that somebody carried away.

A file is read with the file alone, without network, database or clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from p2pnode.bundle import Bundle, verify_bundle
from p2pnode.core.errors import FormatError
from p2pnode.economy.event import LEARNED, TAUGHT
from p2pnode.economy.judging import UPHOLD
from p2pnode.economy.labels import measure_text
from p2pnode.economy.skills import PRACTISED, Judged, Practice, Skill, doing_of, skills_of

Name = Callable[[bytes], str]


class Said(NamedTuple):
    """One record, with the entry that said it and whether a block has ordered it."""

    practice: Practice
    entry: bytes
    is_final: bool


def skills_shown(said: Sequence[Said], name: Name) -> dict[str, Any]:
    """All skills, and the records behind them, the newest first. Shapes: name is what an agent is called.

    Errors: FormatError amount.out_of_range.
    """
    newest = sorted(said, key=lambda one: (-one.practice.doing.performed_ms, one.practice.record))
    return {
        "skills": [_skill(one, name) for one in skills_of(one.practice for one in said)],
        "records": [_record(one, name) for one in newest],
    }


def skills_of_file(data: bytes, trusted: bytes | None) -> dict[str, Any]:
    """Whose skills a file shows, and which, read with nothing but the file.

    Shapes: trusted is the id of the group or of a block. Errors: FormatError skills.whose, and those of
    `verify_bundle`.
    """
    bundle, proven = verify_bundle(data, trusted)
    if len(bundle.people) != 1:
        raise FormatError("skills.whose", "the file is nobody's record of skills")
    (person,) = bundle.people
    names = {person.member_id: person.name}
    return {
        "group": proven.group.hex(),
        "height": proven.header.height,
        "time_ms": proven.header.time_ms,
        "finality": proven.finality,
        "member": person.member_id.hex(),
        "member_name": person.name,
        "is_whole": True,
        **skills_shown(
            list(_said(bundle, person.member_id)),
            lambda agent_id: names.get(agent_id) or agent_id.hex()[:8],
        ),
    }


def _said(bundle: Bundle, member_id: bytes) -> Iterator[Said]:
    judged, kinds = bundle.judged(), bundle.kinds()
    for record in bundle.records:
        doing = doing_of(record.row, member_id)
        if doing is not None:
            kind = doing.kind
            skill = kinds.get(kind, kind.hex()[:8]) if isinstance(kind, bytes) else kind
            practice = Practice(record.id, skill, doing, judged.get(record.id, ()))
            yield Said(practice, record.row.entry, True)


def _skill(one: Skill, name: Name) -> dict[str, Any]:
    def total(way: str) -> str:
        return ", ".join(measure_text(measure) for said, measure in one.sums if said == way)

    return {
        "skill": one.name,
        "practised": total(PRACTISED),
        "taught": total(TAUGHT),
        "learned": total(LEARNED),
        "upheld": [_judge(name, *judge) for judge in one.upheld],
        "disputed": [_judge(name, *judge) for judge in one.disputed],
        "last_ms": one.last_ms,
        "records": one.records,
    }


def _record(said: Said, name: Name) -> dict[str, Any]:
    practice = said.practice
    doing = practice.doing
    return {
        "record": practice.record.hex(),
        "entry": said.entry.hex(),
        "skill": practice.skill,
        "way": doing.way,
        "quantity": measure_text(doing.quantity),
        "other": name(doing.other),
        "performed_ms": doing.performed_ms,
        "finality": "final" if said.is_final else "provisional",
        "upheld": _judges(practice.judged, name, is_upheld=True),
        "disputed": _judges(practice.judged, name, is_upheld=False),
    }


def _judges(judged: Iterable[Judged], name: Name, *, is_upheld: bool) -> list[dict[str, str]]:
    return [_judge(name, who, row.competence) for who, row in judged if (row.verdict == UPHOLD) == is_upheld]


def _judge(name: Name, who: bytes, competence: str | None) -> dict[str, str]:
    return {"member": name(who), "competence": competence or ""}

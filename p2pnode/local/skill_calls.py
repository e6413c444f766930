"""What the service offers about skills. Types only, no behaviour."""

from __future__ import annotations

from typing import Protocol

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict

from p2pnode.local.exchange_calls import BundleFile


class Judge(TypedDict):
    """Who judged. Shapes: competence is what their judgement rests on, or empty."""

    member: str
    competence: str


class SkillShown(TypedDict):
    """One skill: how much was practised, taught and learned, such as "12 h"; empty where nothing was."""

    skill: str
    practised: str
    taught: str
    learned: str
    upheld: list[Judge]
    disputed: list[Judge]
    last_ms: int
    records: int


class PracticeShown(TypedDict):
    """One record behind a skill.

    Shapes: way is practised, taught or learned; finality is final or provisional.
    """

    record: str
    entry: str
    skill: str
    way: str
    quantity: str
    other: str
    performed_ms: int
    finality: str
    upheld: list[Judge]
    disputed: list[Judge]


class SkillsShown(TypedDict):
    """A member's skills by name, and the records behind them, the newest first.

    Shapes: is_whole is false where the member has more records than were looked at: the oldest are missing.
    """

    group: str
    member: str
    member_name: str
    skills: list[SkillShown]
    records: list[PracticeShown]
    is_whole: bool


class SkillCalls(Protocol):
    """The part of a running node about skills."""

    async def skills(self, group: str, who: str, skill: str | None) -> SkillsShown:
        """What a member practised, taught and learned, of one skill or of all, provisional or final."""

    async def export_skills(self, group: str) -> BundleFile:
        """One's own final record of skills with one's name, as a file that a stranger checks."""

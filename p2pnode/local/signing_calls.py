"""What the service offers about signing what others recorded. Types only, no behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict

from p2pnode.local.economy_calls import EconomyRow


class ToSign(TypedDict):
    """Records that wait for who asks, ascending by id. Shapes: next is where the following page begins, or
    None; imported claims have `git_author` and `claims`, other records `action`.
    """

    rows: list[EconomyRow]
    next: str | None


class NotSigned(TypedDict):
    """A record that could not be signed, and why."""

    record: str
    rule: str
    message: str
    remedy: str


class Signed(TypedDict):
    """What became of records that were to be signed. Shapes: signed are their ids."""

    signed: list[str]
    refused: list[NotSigned]


class SigningCalls(Protocol):
    """The part of a running node about signing what others recorded."""

    async def to_sign(
        self, group: str, recorded_by: str | None, git_author: str | None, after: str | None
    ) -> ToSign:
        """At most 500 records that wait for this member: of one who recorded them, or only imported claims
        that name nobody and whose git author is called so.
        """

    async def sign_records(self, group: str, records: Sequence[str]) -> Signed:
        """Sign at most 500 records in one signed entry; what does not hold is left out and told."""

"""Groups that this node asked to let it in and that have not done so: what a person reads of them.

Not here: asking, which `groups.py` does, and what the group holds of the request.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.governance.invitation import parse_link
from p2pnode.local.shapes import Explanation, Notice
from p2pnode.service.rules import RULES

AWAY_RULE = "join.inviter_away"


@dataclass(frozen=True, slots=True)
class PendingJoin:
    """A request to join.

    Shapes: message says in words how it stands, rule is what it waits for or why it was refused; who was
    refused asks no more by itself.
    """

    link: str
    name: str
    rule: str
    message: str
    is_refused: bool = False

    @property
    def notice(self) -> Notice:
        """What `status` says about it."""
        said = self.message if self.is_refused else f"you wait to be let into {self.name}: {self.message}"
        remedy = RULES.get(self.rule, ("", "ask the inviter for a new link"))[1]
        return Notice(rule=self.rule, message=said, remedy=remedy)


def asked_before(link: str) -> PendingJoin:
    """A request of an earlier run of this node."""
    return PendingJoin(link, parse_link(link).name, AWAY_RULE, RULES[AWAY_RULE][0])


def explain_pending(pending: PendingJoin) -> Explanation:
    """What `why` says about a group that one waits for."""
    asks = "It is not asked again." if pending.is_refused else "This node keeps asking while it runs."
    notice = pending.notice
    return Explanation(
        subject=f"the group {pending.name}", lines=[notice["message"], asks], remedy=notice["remedy"]
    )

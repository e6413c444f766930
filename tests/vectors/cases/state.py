"""Vectors of membership: a founding, decided and provisional entries, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.governance import joining, leaving
from p2pnode.governance.invitation import Link
from p2pnode.governance.state import fold
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CAROL,
    CIRCLE,
    DAY_MS,
    EVE,
    START_MS,
    circle_charter,
    entry_bytes,
    first_entry,
    founding_of,
    inception_of,
    link_of,
)
from tests.vectors.cases.vector_file import Document

SOON_MS = START_MS + 1000
TOO_LATE_MS = START_MS + 15 * DAY_MS


def join_of(key: SigningKey, link: Link | None = None, **header: object) -> Entry:
    payload = joining.encode(joining.join_by(link or link_of(), inception_of(key)))
    group = (link or link_of()).invitation.group
    return first_entry(key, joining.JOIN_TYPE, payload, **{"group": group, "time_ms": SOON_MS, **header})


def leave_of(key: SigningKey, **header: object) -> Entry:
    later = {"seq": 1, "prev": b"\x11" * 32, "depth": 1, **header}
    return first_entry(key, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()), **later)


class _Cases:
    """The cases, each checked when it is added."""

    def __init__(self) -> None:
        self.cases: list[Document] = []

    def case(
        self,
        name: str,
        rules: Sequence[str | None],
        decided: Sequence[tuple[Entry, int]] = (),
        provisional: Sequence[Entry] = (),
        founding: Entry = CIRCLE,
    ) -> None:
        """Add a case. Shapes: rules of the decided entries, then of the provisional ones."""
        state = fold(founding, decided, provisional)
        entries = [entry for entry, _ in decided] + list(provisional)
        found = [state.outcomes[entry.id].rule for entry in entries]
        assert found == list(rules), f"{name}: {found}"
        self.cases.append(
            {
                "name": name,
                "founding": entry_bytes(founding).hex(),
                "decided": [[entry_bytes(entry).hex(), decided_ms] for entry, decided_ms in decided],
                "provisional": [entry_bytes(entry).hex() for entry in provisional],
                "outcomes": [
                    [entry.id.hex(), state.outcomes[entry.id].state, state.outcomes[entry.id].rule]
                    for entry in entries
                ],
                "members": [
                    [member.id.hex(), member.status, [device.hex() for device in member.devices]]
                    for member in state.members.values()
                ],
            }
        )


def documents() -> dict[str, Document]:
    found = _Cases()
    _joins(found.case)
    _leaves_and_petitions(found.case)
    return {
        "state": {
            "about": "Folding governed entries [header, signature, payload]; decided ones with their time.",
            "cases": found.cases,
        }
    }


def _joins(case: Callable[..., None]) -> None:
    bob, carol = join_of(BOB), join_of(CAROL)
    case("only founded", [])
    case("founded by three", [], founding=founding_of(ALICE, BOB, CAROL))
    case("a join", [None], [(bob, SOON_MS)])
    case("a join that waits for its decision", [None], provisional=[bob])
    case(
        "one invitation, two joins: the first decided counts",
        [None, "invite.spent"],
        [(bob, SOON_MS), (carol, SOON_MS)],
    )
    case("the same in the other order", [None, "invite.spent"], [(carol, SOON_MS), (bob, SOON_MS)])
    case("one invitation, two joins that wait", [None, None], provisional=[bob, carol])
    case("the last use is gone", [None, "invite.spent"], [(bob, SOON_MS)], [carol])
    case("decided too late", ["invite.expired"], [(bob, TOO_LATE_MS)])
    case(
        "written too late, not decided yet",
        ["invite.expired"],
        provisional=[join_of(BOB, time_ms=TOO_LATE_MS)],
    )
    case("decided at the last moment", [None], [(bob, START_MS + 14 * DAY_MS)])
    by_bob = link_of(BOB, seed=b"\x06" * 32)
    carol_by_bob = join_of(CAROL, by_bob)
    case("invited by a newcomer who is decided", [None, None], [(bob, SOON_MS), (carol_by_bob, SOON_MS)])
    case(
        "invited by a newcomer who is not", [None, "join.inviter_no_member"], provisional=[bob, carol_by_bob]
    )
    case("invited by a stranger", ["join.inviter_no_member"], [(join_of(BOB, link_of(EVE)), SOON_MS)])
    case("a member joins again", ["join.known_device"], [(join_of(ALICE), SOON_MS)])
    case("after a join that came to nothing", [None], [(join_of(BOB, seq=1, prev=b"\x01" * 32), SOON_MS)])
    other_group = link_of(group=b"\x70" * 32)
    case(
        "an invitation to another group",
        ["join.wrong_group"],
        [(join_of(BOB, other_group, group=CIRCLE.group), SOON_MS)],
    )
    bobs_payload = joining.encode(joining.join_by(link_of(), inception_of(BOB)))
    case(
        "somebody else's join",
        ["join.wrong_device"],
        [(first_entry(EVE, joining.JOIN_TYPE, bobs_payload), SOON_MS)],
    )
    case(
        "a rule that the charter does not have",
        ["join.other_rule"],
        [(join_of(BOB, link_of(rule="decision")), SOON_MS)],
    )
    case("a join in the open lane", ["type.wrong_lane"], [(join_of(BOB, lane=2), SOON_MS)])
    broken = first_entry(BOB, joining.JOIN_TYPE, codec.encode({}))
    case("a join that says nothing", ["join.bad_field"], [(broken, SOON_MS)])


def _leaves_and_petitions(case: Callable[..., None]) -> None:
    bob = join_of(BOB)
    carol_by_bob = join_of(CAROL, link_of(BOB, seed=b"\x06" * 32))
    case("a leave", [None, None], [(bob, SOON_MS), (leave_of(BOB), SOON_MS)])
    case("a leave that waits", [None, None], [(bob, SOON_MS)], [leave_of(BOB)])
    case("a stranger leaves", ["leave.no_member"], [(leave_of(EVE), SOON_MS)])
    case("a leave in the open lane", ["type.wrong_lane"], [(leave_of(ALICE, lane=2), SOON_MS)])
    twice = link_of(uses=2)
    again = join_of(BOB, twice, seq=2, prev=b"\x12" * 32, depth=2)
    steps = [(join_of(BOB, twice), SOON_MS), (leave_of(BOB), SOON_MS), (again, SOON_MS)]
    case("gone and back", [None, None, None], steps)
    case("gone for good: one use", [None, None, "invite.spent"], [
        (bob, SOON_MS), (leave_of(BOB), SOON_MS), (join_of(BOB, seq=2, prev=b"\x12" * 32, depth=2), SOON_MS)
    ])  # fmt: skip
    leaver = [(bob, SOON_MS), (leave_of(BOB), SOON_MS), (carol_by_bob, SOON_MS)]
    case("invited by somebody who left", [None, None, "join.inviter_no_member"], leaver)
    careful = founding_of(ALICE, charter=circle_charter(admission="decision"))
    petition = join_of(BOB, link_of(group=careful.group, rule="decision"))
    case("a petition", ["join.needs_decision"], provisional=[petition], founding=careful)
    case(
        "a petition stays one when it is ordered",
        ["join.needs_decision"],
        [(petition, SOON_MS)],
        founding=careful,
    )
    vouched = founding_of(ALICE, charter=circle_charter(admission="sponsors"))
    sponsored = join_of(BOB, link_of(group=vouched.group, rule="sponsors"))
    case("sponsors are needed", ["join.needs_sponsors"], [(sponsored, SOON_MS)], founding=vouched)
    case("a type that governs nothing", ["type.unknown"], [(first_entry(ALICE, "ack", b""), SOON_MS)])

"""Membership is a function of what was decided; links and boxes come back; no order of arrival matters."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.governance import invitation, sealed
from p2pnode.governance.state import GroupState, fold
from tests.vectors.cases.material import ALICE, BOB, CAROL, CIRCLE, EVE, header_of, link_of
from tests.vectors.cases.state import SOON_MS, join_of, leave_of

TWO_USES = link_of(uses=2)
ENTRIES: list[Entry] = [
    join_of(BOB, TWO_USES),
    join_of(CAROL, TWO_USES),
    join_of(EVE, TWO_USES),
    join_of(CAROL, link_of(BOB, seed=b"\x06" * 32), time_ms=SOON_MS + 1),
    leave_of(BOB),
    leave_of(ALICE),
]


def _present(state: GroupState) -> int:
    return sum(member.status == "member" for member in state.members.values())


@settings(max_examples=60)
@given(st.permutations(ENTRIES), st.integers(0, len(ENTRIES)))
def test_the_invariants_hold_in_any_order(order: list[Entry], decided: int) -> None:
    state = fold(CIRCLE, [(entry, SOON_MS) for entry in order[:decided]], order[decided:])
    assert len(state.outcomes) == len(ENTRIES) + 1
    final = [entry for entry in order[:decided] if state.outcomes[entry.id].state == "final"]
    joins = [entry for entry in final if entry.header.type == "member.join"]
    leaves = [entry for entry in final if entry.header.type == "member.leave"]
    alone = fold(CIRCLE, [(entry, SOON_MS) for entry in order[:decided]], [])
    assert _present(alone) == 1 + len(joins) - len(leaves)
    used = [entry for entry in joins if entry in ENTRIES[:3]]
    assert len(used) <= TWO_USES.invitation.uses
    # Deciding more never changes what was decided before.
    before = fold(CIRCLE, [(entry, SOON_MS) for entry in order[: max(0, decided - 1)]], [])
    assert all(state.outcomes[entry_id] == outcome for entry_id, outcome in before.outcomes.items())


@settings(max_examples=30)
@given(st.permutations(ENTRIES))
def test_decisions_one_by_one_give_what_all_at_once_gives(order: list[Entry]) -> None:
    whole = fold(CIRCLE, [(entry, SOON_MS) for entry in order], [])
    steps = [
        fold(CIRCLE, [(entry, SOON_MS) for entry in order[:count]], []) for count in range(len(order) + 1)
    ]
    assert steps[-1] == whole
    assert all(set(left.outcomes) <= set(right.outcomes) for left, right in itertools.pairwise(steps))


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(1, 1000),
    st.integers(1, 2**53 - 1),
    st.lists(st.text("abc/.:0123456789", min_size=1, max_size=60), max_size=16),
    st.text("Aé水 ", min_size=1, max_size=80),
)
def test_links_come_back(seed: bytes, uses: int, expiry_ms: int, addresses: list[str], name: str) -> None:
    link = link_of(seed=seed, uses=uses, expiry_ms=expiry_ms, addresses=addresses, name=name)
    assert invitation.parse_link(invitation.encode_link(link)) == link


@given(st.text(max_size=200))
def test_any_text_is_a_link_or_gets_a_remedy(text: str) -> None:
    for candidate in (text, invitation.LINK_PREFIX + text):
        with pytest.raises(UsageError) as caught:
            invitation.parse_link(candidate)
        assert caught.value.remedy


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=24, max_size=24), st.binary(max_size=500))
def test_boxes_come_back(key: bytes, nonce: bytes, body: bytes) -> None:
    header = header_of(type=sealed.SEALED_TYPE)
    payload = sealed.seal(key, nonce, header, "some.type", body)
    assert sealed.open_sealed(key, header, payload) == ("some.type", body)
    with pytest.raises(FormatError, match=r"sealed\.other_epoch"):
        sealed.open_sealed(SigningKey(key).public, header, payload)

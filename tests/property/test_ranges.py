"""Range-based reconciliation: both sides learn every difference, and pay for differences, not for size."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.replication.frontier import Head
from p2pnode.replication.messages import LANE_KEY_BYTES, HeadColumns, Part, Ranges, Shown, encode_message
from p2pnode.replication.ranges import Reconciler, is_open, shown_of


def _head(lane_number: int, seq: int) -> Head:
    author = sha256(lane_number.to_bytes(4, "big"))
    return Head(author, lane_number % 3, seq, sha256(author + bytes((seq,))), 1, False)


def _reconcile(left: list[Head], right: list[Head]) -> tuple[set[Shown], set[Shown], int, int]:
    """What either side learned, the bytes and the messages that it took."""
    sides = [Reconciler(left), Reconciler(right)]
    learned: list[set[Shown]] = [set(), set()]
    parts = sides[0].opening()
    turn, size, messages = 1, len(encode_message(Ranges(0, parts))), 1
    while is_open(parts):
        parts, shown = sides[turn].answer(parts)
        learned[turn].update(shown)
        size += len(encode_message(Ranges(0, parts)))
        messages += 1
        turn = 1 - turn
    _, shown = sides[turn].answer(parts)
    learned[turn].update(shown)
    return learned[0], learned[1], size, messages


@settings(max_examples=60)
@given(
    st.integers(0, 400),
    st.dictionaries(st.integers(0, 420), st.integers(1, 5), max_size=40),
    st.dictionaries(st.integers(0, 420), st.integers(1, 5), max_size=40),
)
def test_both_sides_learn_every_difference(count: int, ours: dict[int, int], theirs: dict[int, int]) -> None:
    common = dict.fromkeys(range(count), 0)
    left = [_head(number, seq) for number, seq in {**common, **ours}.items()]
    right = [_head(number, seq) for number, seq in {**common, **theirs}.items()]
    at_left, at_right, _, messages = _reconcile(left, right)
    shown_left, shown_right = set(map(shown_of, left)), set(map(shown_of, right))
    assert shown_right - shown_left <= at_left <= shown_right
    assert shown_left - shown_right <= at_right <= shown_left
    assert messages <= 6


def test_the_cost_grows_with_the_differences() -> None:
    heads = [_head(number, 0) for number in range(6000)]
    changed = [_head(number, 1) if number in (17, 3000) else head for number, head in enumerate(heads)]
    at_left, at_right, size, messages = _reconcile(heads, changed)
    assert size < 10_000
    assert min(len(at_left), len(at_right)) == 2, "equal heads are listed once, not sent back"
    assert messages <= 5
    _, _, nothing, messages = _reconcile(heads, heads)
    assert nothing < 1500
    assert messages == 2


_columns = st.builds(
    HeadColumns,
    st.binary(max_size=70),
    st.binary(max_size=3),
    st.lists(st.integers(-1, 9), max_size=3),
    st.binary(max_size=40),
    st.lists(st.integers(0, 3), max_size=2),
)
_parts = st.lists(
    st.builds(
        Part,
        st.one_of(
            st.just(b""), st.binary(min_size=LANE_KEY_BYTES, max_size=LANE_KEY_BYTES), st.binary(max_size=33)
        ),
        st.binary(max_size=32),
        st.booleans(),
        st.none() | _columns,
    ),
    max_size=6,
)


@given(st.integers(0, 80), _parts)
def test_any_parts_are_answered_within_bounds_or_refused_by_name(count: int, parts: list[Part]) -> None:
    reconciler = Reconciler([_head(number, 0) for number in range(count)])
    try:
        replies, _ = reconciler.answer(parts)
    except FormatError as error:
        assert error.rule in ("sync.bad_ranges", "sync.bad_heads")
    else:
        assert len(replies) <= 16 * len(parts)

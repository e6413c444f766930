"""Questions by which a node gets level: what is asked is what is read, and no answer surprises."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.replication.level import (
    BlocksWanted,
    ChunkWanted,
    FinalWanted,
    Wanted,
    blocks_in,
    chunk_in,
    final_in,
    question_of,
    wanted_of,
)

_HASHES = st.binary(min_size=32, max_size=32)
_HEIGHTS = st.integers(0, 2**53 - 1)
_WANTED = st.one_of(
    st.builds(FinalWanted, _HEIGHTS, _HASHES),
    st.builds(BlocksWanted, _HEIGHTS, _HEIGHTS),
    st.builds(ChunkWanted, _HASHES, st.none() | _HASHES, st.none() | _HASHES),
)
_NAMES = st.sampled_from(["proof", "more", "blocks", "chunk"])
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2**60), st.binary(max_size=40), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_NAMES, inner)),
    max_leaves=12,
)


@given(_HASHES, _WANTED)
def test_what_is_asked_is_what_is_read(group: bytes, wanted: Wanted) -> None:
    question = codec.decode(codec.encode(question_of(group, wanted)))
    assert wanted_of(question) == wanted


@given(st.lists(st.one_of(st.sampled_from(["final", "blocks", "chunk"]), _VALUES), max_size=5))
def test_a_question_of_another_shape_is_none(question: list[Any]) -> None:
    wanted = wanted_of(question)
    if wanted is not None:
        assert question_of(question[1], wanted) == question


@given(_VALUES)
def test_an_answer_has_the_shape_or_is_refused(answer: Any) -> None:
    for read in (final_in, blocks_in, chunk_in):
        try:
            read(answer)
        except FormatError as error:
            assert error.rule == "level.bad_answer"

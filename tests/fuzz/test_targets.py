"""Every decoder, fuzzed a little with a fixed seed. `scripts/fuzz TARGET --seconds N` does it for longer."""

import re
from random import Random

import pytest

from tests.fuzz.corpus import corpus_of
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, refusal

_TRIALS = 300


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_bad_input_gets_a_rule(name: str) -> None:
    corpus, random = corpus_of(name), Random(name)
    for _ in range(_TRIALS):
        data = mutated(random, corpus)
        rule = refusal(TARGETS[name], data)
        assert rule is None or re.fullmatch(r"[a-z]+\.[a-z_]+", rule), data.hex()


def test_a_seed_gives_the_same_trials() -> None:
    corpus = corpus_of("header")
    first, second = Random(1), Random(1)
    assert [mutated(first, corpus) for _ in range(50)] == [mutated(second, corpus) for _ in range(50)]


def test_mutation_reaches_deep_rules() -> None:
    # A mutator that only ever breaks the outermost layer would prove nothing.
    corpus, random = corpus_of("member.join"), Random(7)
    rules = {refusal(TARGETS["member.join"], mutated(random, corpus)) for _ in range(_TRIALS)}
    assert {"join.bad_field", "join.bad_signature", "invite.bad_field", "inception.bad_field"} <= rules

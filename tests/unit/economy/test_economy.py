"""Contributions, claims and batches."""

import pytest

from p2pnode.core import codec
from p2pnode.core.annex import annexes_named
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch, claim, contribution
from p2pnode.economy.contribution import ACTIONS, STREAMS, Contribution
from p2pnode.economy.measure import UNITS, Measure
from p2pnode.vocabulary import BATCHED_TYPES, TYPES, records_of
from tests.vectors.cases.economy import CLAIM, HARVEST, WORK
from tests.vectors.cases.material import header_of


def test_a_contribution_comes_back_as_it_was() -> None:
    for given in (WORK, HARVEST):
        assert contribution.decode(contribution.encode(given)) == given


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_a_quantity_of_its_kind(action: str) -> None:
    quantity = Measure((1, 0), "hour")
    with_effort = Contribution(action, "x", 0, "y", "care", effort_quantity=quantity)
    with_resource = Contribution(action, "x", 0, "y", "care", resource_quantity=quantity)
    accepted = {"effort": [with_effort], "resource": [with_resource], "either": [with_effort, with_resource]}
    for given in (with_effort, with_resource):
        if given in accepted[ACTIONS[action]]:
            assert contribution.decode(contribution.encode(given)) == given
        else:
            with pytest.raises(FormatError, match=r"contribution\.bad_quantity"):
                contribution.encode(given)


def test_streams_and_units_have_their_names() -> None:
    assert STREAMS == ("livelihood", "commons", "care")
    assert {"hour", "kilowattHour", "minute-Time", "one"} <= set(UNITS)
    for unit in UNITS:
        assert contribution.encode(Contribution("produce", "x", 0, "y", "care", Measure((1, 0), unit)))


def test_j27_a_claim_is_named_by_root_and_commit() -> None:
    assert CLAIM.key == (CLAIM.root_commit, CLAIM.commit)
    assert claim.decode(claim.encode(CLAIM)) == CLAIM
    # Names of people are in the annex, not in the payload.
    assert set(codec.decode(claim.encode(CLAIM))) == {
        "annex",
        "authored_ms",
        "commit",
        "files",
        "lines",
        "root",
    }


def test_j13_every_record_is_judged_by_itself() -> None:
    good, bad = CLAIM.value, {**CLAIM.value, "files": -1}
    payload = batch.encode("contribution.claim", {}, [good, bad, good])
    facts = records_of(header_of(payload=payload, type="batch"), payload)
    assert [rule for _, _, rule in facts] == [None, "claim.bad_field", None]
    assert [type_ for type_, _, _ in facts] == ["contribution.claim"] * 3
    assert claim.decode(facts[2][1]) == CLAIM


def test_j13_a_batch_that_cannot_be_read_is_one_void_fact() -> None:
    payload = codec.encode({"records": []})
    assert records_of(header_of(payload=payload, type="batch"), payload) == (
        ("batch", payload, "batch.bad_field"),
    )


def test_j13_an_entry_that_is_no_batch_is_one_fact() -> None:
    payload = contribution.encode(WORK)
    header = header_of(payload=payload, type="contribution")
    assert records_of(header, payload) == (("contribution", payload, None),)


def test_j13_five_hundred_claims_of_one_repository_fit_into_a_payload() -> None:
    shared = {"root": CLAIM.root_commit}
    records = [
        {
            **{name: item for name, item in CLAIM.value.items() if name != "root"},
            "annex": number.to_bytes(32, "big"),
            "commit": number.to_bytes(20, "big"),
            "lines": [65536, 65536],
        }
        for number in range(500)
    ]
    payload = batch.encode("contribution.claim", shared, records)
    assert len(payload) <= 65536
    assert len(annexes_named(payload)) == 500


def test_j13_records_have_names() -> None:
    entry = b"\x0e" * 32
    assert batch.record_of_name(batch.record_name(entry, 499)) == (entry, 499)


def test_batches_hold_facts_that_are_not_governed() -> None:
    assert all(name in TYPES and not TYPES[name].governed for name in BATCHED_TYPES)

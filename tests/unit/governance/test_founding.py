"""Founding entries and charters."""

import pytest

from p2pnode.consensus.rows import MemoryRows
from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH
from p2pnode.core.errors import FormatError
from p2pnode.governance import founding
from p2pnode.governance.charter import charter_of_toml
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.phrase import recovery_commitment, recovery_key
from tests.vectors.cases.material import (
    ALICE,
    BOB,
    CAROL,
    CIRCLE,
    EVE,
    NONCE,
    TEMPLATE,
    circle_charter,
    founding_of,
    founding_payload,
    inception_of,
)


def test_j1_founding_entry_stands_alone_and_names_the_group() -> None:
    header = CIRCLE.header
    assert (header.group, header.lane, header.seq, header.prev, header.depth, header.acks) == (
        ZERO_HASH, 0, 0, ZERO_HASH, 0, (),
    )  # fmt: skip
    assert CIRCLE.group == CIRCLE.id


def test_j1_one_key_may_found_many_groups() -> None:
    other = founding.founding_entry(ALICE, founding_payload(ALICE), 1)
    assert other.id != CIRCLE.id
    assert founding.read_founding(other) == founding.read_founding(CIRCLE)


def test_j1_every_founder_signs_the_terms() -> None:
    read = founding.read_founding(founding_of(BOB, ALICE, CAROL))
    assert [inception.device_key for inception in read.inceptions] == sorted(
        key.public for key in (ALICE, BOB, CAROL)
    )
    assert read.voters == tuple(inception.device_key for inception in read.inceptions)
    terms = founding.propose(circle_charter(), NONCE, [inception_of(ALICE), inception_of(BOB)])
    signatures = {key.public: founding.sign_terms(key, terms) for key in (ALICE, BOB, EVE)}
    ordered = [signatures[inception.device_key] for inception in terms.inceptions]
    assert founding.decode(founding.found(terms, ordered)).signatures == tuple(ordered)
    for wrong in (ordered[:1], ordered[::-1], [signatures[EVE.public], ordered[1]]):
        with pytest.raises(FormatError, match=r"founding\.bad_signature"):
            founding.found(terms, wrong)


def test_j1_the_order_in_which_founders_are_named_does_not_matter() -> None:
    assert founding_payload(ALICE, BOB, CAROL) == founding_payload(CAROL, BOB, ALICE)


def test_j1_the_first_block_is_decided_by_the_founders() -> None:
    entry = founding_of(ALICE, BOB, CAROL, EVE)
    terms = founding.read_founding(entry)
    first = configuration_of(MemoryRows(genesis_rows(entry)))
    assert first.voters == tuple(sorted((one.member_id, one.device_key) for one in terms.inceptions))
    assert (first.epoch, first.lying_voters) == (0, terms.fault_rule)
    assert first.charter_hash == terms.charter.hash


def test_j19_lying_voters() -> None:
    assert [founding.lying_voters_of("auto", count) for count in (1, 3, 4, 6, 7, 10)] == [0, 0, 1, 1, 2, 3]
    assert founding.lying_voters_of(2, 10) == 2
    with pytest.raises(FormatError, match=r"founding\.bad_fault_rule"):
        founding.propose(circle_charter(lying_voters=1), NONCE, [inception_of(ALICE)])


def test_the_founding_of_a_full_table_fits_into_a_payload() -> None:
    # Sixteen founders with annexes and the largest charter: nobody finds out at the ceremony.
    long_charter = circle_charter(annals=["a" * 3000] * 10)
    payload = founding_payload(ALICE, BOB, CAROL, EVE, charter=long_charter)
    per_founder = len(codec.encode([inception_of(ALICE, bytes(32)).value, bytes(64), bytes(32)]))
    assert len(payload) + 12 * per_founder < 65536


def test_j11_the_charter_says_that_entries_stay() -> None:
    charter = charter_of_toml(TEMPLATE.read_text(), name="n")
    assert "never erased" in charter.value["permanence"]


def test_the_charter_answers() -> None:
    charter = circle_charter(visibility="private", admission="sponsors", lying_voters=3)
    assert (charter.name, charter.kind, charter.public) == ("Circle of the Wells", "circle", False)
    assert (charter.admission, charter.lying_voters, charter.stewards) == ("sponsors", 3, ())


def test_j40_member_ids_do_not_depend_on_the_group() -> None:
    inception = inception_of(ALICE)
    assert founding.read_founding(CIRCLE).inceptions[0].member_id == inception.member_id
    assert inception.member_id != inception_of(ALICE, b"\x01" * 32).member_id


def test_the_words_on_paper_give_the_commitment_of_the_inception() -> None:
    words = "abandon " * 23 + "art"
    assert recovery_commitment(words) == recovery_commitment_of(recovery_key(words).public)

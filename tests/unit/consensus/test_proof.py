"""Proofs as files: everything in them counts, and nothing beside them is needed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from p2pnode.consensus.proof import Anchor, Link, Proof, RowProof, decode_proof, encode_proof, outcome_proof
from p2pnode.consensus.rows import row_key
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.proving import verify_proof
from tests.vectors.cases.decided import Voters
from tests.vectors.cases.decided_group import (
    ANCHORED,
    CHANGE,
    CONVOKED_LAST,
    DAN,
    ENTRIES,
    FIRST,
    FOUNDING,
    FULL,
    LAST,
    LINKS,
    OUTCOMES,
    PLAIN,
    ROWS,
    SECOND,
    STATE,
    block,
    row_proof,
)
from tests.vectors.cases.material import ALICE, EVE, founding_of


def refused(rule: str, proof: Proof, trusted: bytes | None = None) -> None:
    with pytest.raises(FormatError) as caught:
        verify_proof(encode_proof(proof), trusted)
    assert caught.value.rule == rule


def test_a_proof_shows_a_final_block_an_outcome_and_a_row() -> None:
    proven = verify_proof(encode_proof(FULL))
    assert (proven.group, proven.header, proven.configuration) == (FOUNDING.group, LAST, SECOND.configuration)
    assert (proven.finality, proven.weak, proven.is_from_founding) == ("ordinary", (), True)
    assert proven.outcome is not None
    assert (proven.outcome.entry.id, proven.outcome.rule) == (ENTRIES[2].id, "leave.no_member")
    assert proven.row is not None
    assert (proven.row.key, proven.row.value) == (row_key("member", b"\x04" * 32), b"\x04")


def test_what_is_written_is_read() -> None:
    for proof in (PLAIN, FULL, ANCHORED):
        assert decode_proof(encode_proof(proof)) == proof


def test_every_outcome_and_every_row_is_proven() -> None:
    for entry, (_, rule) in zip(ENTRIES, OUTCOMES, strict=True):
        shown = verify_proof(encode_proof(replace(PLAIN, outcome=outcome_proof(OUTCOMES, entry)))).outcome
        assert shown is not None
        assert (shown.entry, shown.rule) == (entry, rule)
    for key, value in [*ROWS.items(), (row_key("member", b"\x55" * 32), None)]:
        row = verify_proof(encode_proof(replace(PLAIN, row=row_proof(key)))).row
        assert row is not None
        assert (row.key, row.value) == (key, value)
    with pytest.raises(ValueError, match="not in list"):
        outcome_proof(OUTCOMES, FOUNDING)


def test_no_other_outcome_is_proven() -> None:
    good = outcome_proof(OUTCOMES, ENTRIES[2])
    for forged in (
        replace(good, rule=""),
        replace(good, rule="leave.other"),
        replace(good, entry=ENTRIES[1]),
        replace(good, index=1),
        replace(good, count=4),
        replace(good, path=good.path[:-1]),
        replace(good, entry=FOUNDING),
    ):
        refused("proof.other_outcome", replace(PLAIN, outcome=forged))


def test_an_entry_is_shown_as_it_was_signed() -> None:
    good = outcome_proof(OUTCOMES, ENTRIES[2])
    entry = good.entry
    for changes, rule in (
        ({"payload": b"\x81"}, "entry.bad_payload"),
        ({"signature": bytes(64)}, "entry.bad_signature"),
    ):
        refused(rule, replace(PLAIN, outcome=replace(good, entry=replace(entry, **changes))))
    for missing in ({"payload": None}, {"signature": None}, {"signature": None, "payload": None}):
        bare: Entry = replace(entry, **missing)
        shown = verify_proof(encode_proof(replace(PLAIN, outcome=replace(good, entry=bare)))).outcome
        assert shown is not None
        assert shown.entry == bare


def test_no_other_row_is_proven() -> None:
    key = row_key("member", b"\x04" * 32)
    good = row_proof(key)
    refused("proof.other_root", replace(PLAIN, row=replace(good, value=b"\x05")))
    refused("proof.other_root", replace(PLAIN, row=replace(good, value=None)))
    absent = row_proof(row_key("member", b"\x55" * 32))
    refused("proof.bad_row", replace(PLAIN, row=replace(absent, value=b"")))
    refused("proof.bad_row", replace(PLAIN, row=RowProof(key, None, absent.proof)))
    nothing = replace(LAST, state_root=sha256(STATE.root))
    links = (LINKS[0], Link(SECOND.final(nothing)))
    refused("proof.other_root", replace(FULL, outcome=None, links=links))


def test_each_configuration_is_signed_by_the_one_before() -> None:
    refused("certificate.other_configuration", replace(PLAIN, links=LINKS[1:]))
    stolen = Link(SECOND.final(CHANGE), SECOND.configuration)
    refused("certificate.bad_signature", replace(PLAIN, links=(stolen, LINKS[1])))
    richer = replace(SECOND.configuration, lying_voters=0)
    refused("proof.broken_chain", replace(PLAIN, links=(Link(LINKS[0].final, richer), LINKS[1])))
    refused("proof.broken_chain", replace(PLAIN, links=(Link(LINKS[0].final), LINKS[1])))
    same = Link(LINKS[1].final, SECOND.configuration)
    refused("proof.broken_chain", replace(PLAIN, links=(LINKS[0], same)))
    impostor = Voters(SECOND.configuration, tuple(EVE if key is DAN else key for key in SECOND.keys))
    everybody = Link(impostor.final(LAST, 0, 1, 2, 3, 4))
    refused("certificate.bad_signature", replace(PLAIN, links=(LINKS[0], everybody)))


def test_blocks_stand_above_each_other() -> None:
    low = block(SECOND.configuration, 3)
    refused("proof.broken_chain", replace(PLAIN, links=(LINKS[0], Link(SECOND.final(low)))))
    early = block(SECOND.configuration, 8, time_ms=CHANGE.time_ms)
    refused("proof.broken_chain", replace(PLAIN, links=(LINKS[0], Link(SECOND.final(early)))))
    next_one = block(SECOND.configuration, 4)
    refused("proof.broken_chain", replace(PLAIN, links=(LINKS[0], Link(SECOND.final(next_one)))))
    following = block(SECOND.configuration, 4, previous=CHANGE.id)
    verify_proof(encode_proof(replace(PLAIN, links=(LINKS[0], Link(SECOND.final(following))))))
    first = block(FIRST.configuration, 1, previous=b"\x01" * 32)
    refused("proof.broken_chain", replace(PLAIN, links=(Link(FIRST.final(first)),)))
    foreign = block(FIRST.configuration, 3, group=b"\x01" * 32)
    refused("proof.broken_chain", replace(PLAIN, links=(Link(FIRST.final(foreign)),)))


def test_a_group_is_its_founding() -> None:
    refused("proof.broken_chain", replace(PLAIN, start=founding_of(ALICE)))
    refused("founding.not_founding", Proof(ENTRIES[0], PLAIN.links))


def test_a_proof_may_begin_at_a_trusted_block() -> None:
    data = encode_proof(ANCHORED)
    proven = verify_proof(data, CHANGE.id)
    assert (proven.header, proven.is_from_founding) == (LAST, False)
    assert len(data) < len(encode_proof(FULL))
    refused("proof.needs_trust", ANCHORED)
    refused("proof.other_trust", ANCHORED, FOUNDING.group)
    verify_proof(data, LAST.id)
    liars = replace(ANCHORED, start=Anchor(CHANGE, FIRST.configuration))
    refused("proof.broken_chain", liars, CHANGE.id)
    above = Anchor(
        block(FIRST.configuration, 7, next_config_hash=SECOND.configuration.hash), SECOND.configuration
    )
    refused("proof.broken_chain", replace(ANCHORED, start=above), LAST.id)


def test_a_trusted_block_is_passed_or_the_proof_is_refused() -> None:
    for trusted in (CHANGE.id, LAST.id, FOUNDING.group):
        verify_proof(encode_proof(FULL), trusted)
    refused("proof.other_trust", FULL, b"\x01" * 32)


def test_a_trusted_anchor_is_not_made_up() -> None:
    # Whoever makes up an anchor can sign everything above it; then the trusted id has to be that anchor's.
    refused("proof.other_trust", ANCHORED, sha256(b"the block that the reader knows"))


def test_j32_a_weaker_class_is_told() -> None:
    proven = verify_proof(encode_proof(replace(PLAIN, links=(LINKS[0], Link(CONVOKED_LAST)))))
    assert (proven.finality, proven.weak) == ("convoked", ((7, "convoked"),))
    on_the_way = replace(PLAIN, links=(Link(FIRST.convoked(CHANGE), SECOND.configuration), LINKS[1]))
    proven = verify_proof(encode_proof(on_the_way))
    assert (proven.finality, proven.weak) == ("convoked", ((3, "convoked"),))


def test_no_byte_of_a_proof_is_idle() -> None:
    data = encode_proof(ANCHORED)
    wanted = verify_proof(data, CHANGE.id)
    for place in range(0, len(data), 3):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(FormatError):
            verify_proof(changed, CHANGE.id)
    assert verify_proof(data, CHANGE.id) == wanted


def test_verifying_needs_neither_network_nor_database(checkout: Path) -> None:
    program = "import sys, p2pnode.proving; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "p2pnode.consensus.proof" in loaded
    assert not loaded & {
        "libp2p",
        "trio",
        "sqlite3",
        "socket",
        "asyncio",
        "ssl",
        "p2pnode.store",
        "protocols",
    }

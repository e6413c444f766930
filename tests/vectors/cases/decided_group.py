"""A group of four, from its founding through a change of voters to a block with entries."""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.certificate import Final
from p2pnode.consensus.format import BlockHeader, Configuration, ops_root
from p2pnode.consensus.proof import Anchor, Link, Proof, RowProof, outcome_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import EMPTY_ROOT, prove, update
from p2pnode.core.crypto import SigningKey
from p2pnode.proving import founding_configuration
from tests.vectors.cases.decided import Voters, header_of
from tests.vectors.cases.material import ALICE, BOB, CAROL, EVE, first_entry, founding_of

DAN = SigningKey(b"\x05" * 32)
FOUNDING = founding_of(ALICE, BOB, CAROL, EVE)
KEYS = {key.public: key for key in (ALICE, BOB, CAROL, EVE, DAN)}


def voters_of(configuration: Configuration) -> Voters:
    return Voters(configuration, tuple(KEYS[key] for _, key in configuration.voters))


FIRST = voters_of(founding_configuration(FOUNDING))
_FOUNDERS = zip(FIRST.configuration.voters, FIRST.configuration.recovery, strict=True)
_WITH_DAN = sorted((*_FOUNDERS, ((b"\x99" * 32, DAN.public), b"\x9a" * 32)))
SECOND = voters_of(
    replace(
        FIRST.configuration,
        voters=tuple(voter for voter, _ in _WITH_DAN),
        epoch=1,
        recovery=tuple(commitment for _, commitment in _WITH_DAN),
    )
)

ENTRIES = tuple(
    first_entry(key, "contribution", b"\x80", group=FOUNDING.group, time_ms=1_800_000_100_000 + number)
    for number, key in enumerate((ALICE, BOB, CAROL))
)
OUTCOMES = tuple(
    (bytes(entry.id), rule) for entry, rule in zip(ENTRIES, ("", "", "leave.no_member"), strict=True)
)
ROWS = {row_key("member", bytes([number]) * 32): bytes([number]) for number in range(10)}
STATE = update(EMPTY_ROOT, ROWS, {}.__getitem__)


def block(configuration: Configuration, height: int, **changes: object) -> BlockHeader:
    first = {"previous": FOUNDING.group} if height == 1 else {}
    return header_of(configuration, height, **{"group": FOUNDING.group, **first, **changes})


CHANGE = block(FIRST.configuration, 3, next_config_hash=SECOND.configuration.hash)
LAST = block(SECOND.configuration, 7, ops_root=ops_root(OUTCOMES), state_root=STATE.root)
LINKS = (
    Link(FIRST.final(CHANGE), SECOND.configuration),
    Link(SECOND.final(LAST)),
)


def row_proof(key: bytes) -> RowProof:
    return RowProof(key, ROWS.get(key), prove(STATE.root, key, STATE.new.__getitem__))


PLAIN = Proof(FOUNDING, LINKS)
FULL = replace(
    PLAIN, outcome=outcome_proof(OUTCOMES, ENTRIES[2]), row=row_proof(row_key("member", b"\x04" * 32))
)
ANCHORED = replace(FULL, start=Anchor(CHANGE, SECOND.configuration), links=LINKS[1:])
CONVOKED_LAST: Final = SECOND.convoked(LAST)

"""Who finds two final blocks of one height shows their certificates; whoever reads them stops (I11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.chain.schism import SETTING, decode_found
from p2pnode.consensus.format import (
    CERTIFICATE_TYPE,
    VOTE_TYPE,
    Vote,
    certificate_of_value,
    decode_header,
    encode_votes,
    sign_vote,
)
from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry, read_entry
from p2pnode.core.events import Alert, ChainAsked
from tests.unit.node.council import Council

FIVE = ("alice", "bob", "carol", "dave", "erin")
OTHER = bytes(range(32))


def torn(folder: Path) -> Council:
    """A group in which alice has a final block, and votes of three of five that make another one final."""
    council = Council(folder, FIVE, checkpoint_entries=1, lying_voters=0)
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet(*FIVE)
    row = council["alice"].node.logs[council.group].file.chain.block(1)
    certificate = certificate_of_value(codec.decode(row.certificate))
    epoch = decode_header(row.header).epoch
    for name in ("bob", "carol", "dave"):
        unsigned = Vote(1, 0, certificate.view, "F", OTHER, bytes(64))
        signature = sign_vote(SigningKey(council[name].seed), council.group, epoch, unsigned)
        payload = encode_votes([Vote(1, 0, certificate.view, "F", OTHER, signature)])
        council.hand("alice", council.sign(name, payload, at="alice", lane=1, type_=VOTE_TYPE))
    return council


def said(council: Council, name: str) -> list[Entry]:
    """The lane of votes of a machine."""
    log = council[name].node.logs[council.group]
    lane = log.lane(council[name].key, 1)
    rows = log.file.entries(lane.number, 0, lane.seq)
    return [read_entry(row.header, row.signature, row.payload) for row in rows]


def shown(council: Council, name: str) -> list[Entry]:
    return [entry for entry in said(council, name) if entry.header.type == CERTIFICATE_TYPE]


def stages(council: Council, *names: str) -> set[str]:
    return {council[name].ask(ChainAsked(1, council.group)).missing.stage for name in names}


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_who_reads_the_certificates_of_a_schism_stops_too(tmp_path: Path, is_restarted: bool) -> None:
    council = torn(tmp_path)
    assert stages(council, "alice") == {"schism"}
    assert stages(council, "erin") == {"idle"}
    assert len(shown(council, "alice")) == 2
    if is_restarted:
        council["alice"].restart()
        council["alice"].write(council.group, "the log goes on", council.now_ms)
        assert len(shown(council, "alice")) == 2, "it is shown once"
    # Of the votes themselves erin gets none: only what alice says.
    council.hand("erin", *said(council, "alice"))
    assert stages(council, "erin") == {"schism"}
    told = [effect for effect in council["erin"].effects if isinstance(effect, Alert)]
    assert [alert.rule for alert in told] == ["chain.schism"]
    found = {
        name: decode_found(council[name].node.logs[council.group].file.setting(SETTING))
        for name in ("alice", "erin")
    }
    one, other = found["alice"], found["erin"]
    assert one is not None
    assert other is not None
    assert (one.height, one.blocks) == (other.height, other.blocks)
    voters = council["erin"].node.logs[council.group].chain.tip.configuration.voters
    members = {key: member for member, key in voters}
    liars = {members[council[name].key] for name in ("bob", "carol", "dave")}
    assert other.culprits
    assert liars.issuperset(one.culprits)
    assert liars.issuperset(other.culprits)
    council["erin"].restart()
    assert stages(council, "erin") == {"schism"}
    close(council)


def test_a_certificate_that_does_not_verify_stops_nobody(tmp_path: Path) -> None:
    council = torn(tmp_path)
    forged = shown(council, "alice")
    height, attempt, view, kind, block, signers, signatures = codec.decode(
        next(entry.payload for entry in forged if codec.decode(entry.payload)[4] == OTHER)
    )
    payload = codec.encode([height, attempt, view, kind, block, signers[:-1], signatures[:-1]])
    council.hand("erin", council.sign("bob", payload, at="erin", lane=1, type_=CERTIFICATE_TYPE))
    assert stages(council, "erin") == {"idle"}
    close(council)

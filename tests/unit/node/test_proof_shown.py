"""Headers, certificates and proofs are shown to whom J23 allows, whatever the lane they speak of (J41)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from p2pnode.consensus.proof import Proven
from p2pnode.consensus.rows import row_key
from p2pnode.core.crypto import SigningKey
from p2pnode.core.errors import UsageError
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import devices, tables
from p2pnode.governance.access import PRIVATE_RIGHTS, PUBLIC_RIGHTS, Reader
from p2pnode.governance.devices import Revoke
from p2pnode.port import LivePort
from p2pnode.service.proof_answers import BURST_MAX, EVERY_MS, Prover
from p2pnode.service.proof_fetching import proven_by
from protocols.port import EntryProofAsked, FinalProofAsked, ProofAsked, RowProofAsked
from tests.unit.node.council import Council
from tests.unit.node.test_parting import FOUR, THREE, close, decide, member_id, write
from tests.unit.node.test_parting import founded as founded_in_public

STRANGER = b"\x05" * 32
_QUICK = {"early": True, "grace_hours": 0, "quorum": [1, 2], "rule": "majority", "window_hours": 1}


class Scene(NamedTuple):
    """Alice shows proofs: of an entry before dave was removed, of one after it, and of one in no block."""

    council: Council
    prover: Prover
    before: bytes
    after: bytes
    undecided: bytes

    async def shown(self, reader: bytes, question: ProofAsked) -> Proven:
        return proven_by(await self.prover.prove(reader, question), question)

    async def refusal(self, reader: bytes, question: ProofAsked) -> str:
        with pytest.raises(UsageError) as caught:
            await self.prover.prove(reader, question)
        assert caught.value.remedy
        return caught.value.rule

    def key(self, name: str) -> bytes:
        return self.council[name].key

    def entry(self, entry_id: bytes) -> EntryProofAsked:
        return EntryProofAsked(self.council.group, entry_id)

    def member_row(self, name: str) -> RowProofAsked:
        return RowProofAsked(self.council.group, row_key("member", member_id(self.council, name)))

    def device_row(self, name: str) -> RowProofAsked:
        return RowProofAsked(self.council.group, row_key("device", self.key(name)))


def prover_of(council: Council, name: str = "alice") -> Prover:
    """What a machine shows its peers."""
    machine = council[name]
    port = LivePort(
        SigningKey(machine.seed),
        wall_ms=lambda: council.now_ms,
        group_path=lambda group: str(machine.folder / "groups" / f"{group.hex()}.db"),
        cursors={},
    )
    port.perform(machine.restart())
    return Prover(port)


def scene_of(council: Council) -> Scene:
    before = bytes(council["alice"].write(council.group, "while dave was away", council.now_ms).id)
    council.meet(*THREE)
    decide(council, "remove", {"member": member_id(council, "dave")})
    after = bytes(council["bob"].write(council.group, "after the removal", council.now_ms).id)
    council.meet(*THREE)
    undecided = bytes(council["alice"].write(council.group, "a moment ago", council.now_ms).id)
    return Scene(council, prover_of(council), before, after, undecided)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    council = founded_in_public(tmp_path_factory.mktemp("public"))
    yield scene_of(council)
    close(council)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    rules = dict.fromkeys(("default", "remove", "admit"), _QUICK)
    settings = {"checkpoint_entries": 1, "hearing_hours": 0, "ballot_grace_hours": 0, "decisions": rules}
    council = Council(tmp_path_factory.mktemp("private"), FOUR, visibility="private", **settings)
    council.meet(*FOUR)
    yield scene_of(council)
    close(council)


async def test_j41_what_lies_in_closed_lanes_is_proven_to_strangers_without_its_words(public: Scene) -> None:
    for entry_id in (public.before, public.after):
        outcome = (await public.shown(STRANGER, public.entry(entry_id))).outcome
        assert outcome is not None
        assert outcome.entry.header.lane == 0
        assert (outcome.rule, outcome.entry.payload) == ("contribution.bad_field", None)
    last = await public.shown(STRANGER, FinalProofAsked(public.council.group, 0))
    assert last.header.height == public.council.tip("alice")
    first = await public.shown(STRANGER, FinalProofAsked(public.council.group, 1))
    assert first.header.height == 1
    for row in (public.member_row("bob"), public.device_row("dave")):
        assert await public.refusal(STRANGER, row) == "proof.not_yours"


async def test_j41_members_are_proven_everything(public: Scene) -> None:
    outcome = (await public.shown(public.key("bob"), public.entry(public.before))).outcome
    assert outcome is not None
    assert b"while dave was away" in (outcome.entry.payload or b"")
    row = (await public.shown(public.key("bob"), public.member_row("carol"))).row
    assert row is not None
    assert row.value is not None
    absent = RowProofAsked(public.council.group, row_key("member", b"\x01" * 32))
    nothing = (await public.shown(public.key("bob"), absent)).row
    assert nothing is not None
    assert nothing.value is None


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_j41_a_removed_member_is_shown_proofs_its_own_rows_and_words_up_to_its_removal(
    visibility: str, request: pytest.FixtureRequest
) -> None:
    scene: Scene = request.getfixturevalue(visibility)
    dave = scene.key("dave")
    read, unread = [
        (await scene.shown(dave, scene.entry(entry_id))).outcome for entry_id in (scene.before, scene.after)
    ]
    assert read is not None
    assert read.entry.payload
    assert unread is not None
    assert unread.entry.payload is None
    row = (await scene.shown(dave, scene.member_row("dave"))).row
    assert row is not None
    assert row.value is not None
    own = tables.member(scene.council["alice"].node.logs[scene.council.group].file.chain, row.key[7:])
    assert own is not None
    assert own.status == "removed"
    await scene.shown(dave, scene.device_row("dave"))
    for other in (scene.member_row("bob"), scene.device_row("bob")):
        assert await scene.refusal(dave, other) == "proof.not_yours"
    assert (await scene.shown(dave, FinalProofAsked(scene.council.group, 0))).is_from_founding


async def test_j41_a_private_group_is_unknown_to_strangers(private: Scene) -> None:
    group = private.council.group
    for question in (FinalProofAsked(group, 0), private.entry(private.before), private.member_row("bob")):
        assert await private.refusal(STRANGER, question) == "proof.unknown_group"
    assert await private.refusal(STRANGER, FinalProofAsked(b"g" * 32, 0)) == "proof.unknown_group"


async def test_j41_what_cannot_be_proven_is_refused_with_a_remedy(public: Scene) -> None:
    group = public.council.group
    assert await public.refusal(STRANGER, public.entry(public.undecided)) == "proof.not_final"
    assert await public.refusal(STRANGER, public.entry(b"e" * 32)) == "proof.unknown_entry"
    assert await public.refusal(STRANGER, FinalProofAsked(group, 10_000)) == "proof.no_such_block"


async def test_j41_a_flood_of_strangers_ends_and_leaves_members_alone(public: Scene) -> None:
    question = FinalProofAsked(public.council.group, 1)
    public.council.now_ms += BURST_MAX * EVERY_MS
    for number in range(BURST_MAX):
        await public.shown(bytes([number]) * 32, question)
    assert await public.refusal(b"\x77" * 32, question) == "proof.too_many"
    await public.shown(public.key("bob"), question)
    public.council.now_ms += EVERY_MS
    await public.shown(b"\x77" * 32, question)
    assert await public.refusal(STRANGER, question) == "proof.too_many"


async def test_j41_a_revoked_device_is_shown_its_own_row_and_not_its_members(tmp_path: Path) -> None:
    council = founded_in_public(tmp_path)
    dave = council["dave"].key
    recovery = council.recovery[dave]
    revoke = Revoke(DeviceKey(dave), ((0, -1),))
    signed = replace(
        revoke, recovery=(recovery.public, devices.sign_revocation(recovery, council.group, revoke))
    )
    entry_id = write(council, "alice", devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(signed))
    council.meet(*THREE)
    scene = Scene(council, prover_of(council), entry_id, entry_id, entry_id)
    row = (await scene.shown(dave, scene.device_row("dave"))).row
    assert row is not None
    assert row.value is not None
    assert b"revoked" in row.value
    for other in (scene.member_row("dave"), scene.member_row("bob"), scene.device_row("bob")):
        assert await scene.refusal(dave, other) == "proof.not_yours"
    assert (await scene.shown(dave, scene.entry(entry_id))).outcome is not None
    close(council)


def test_j41_every_reader_has_its_place_in_the_table() -> None:
    """The columns of J23 about headers, certificates and proofs, and about rows of the state."""
    told = {
        (is_public, reader): (rights.is_shown_proofs, rights.rows)
        for is_public, table in ((True, PUBLIC_RIGHTS), (False, PRIVATE_RIGHTS))
        for reader, rights in table.items()
    }
    assert told == {
        (True, Reader.MEMBER): (True, "all"),
        (True, Reader.NEWCOMER): (True, "all"),
        (True, Reader.STEWARD): (True, "all"),
        (True, Reader.REMOVED): (True, "own"),
        (True, Reader.STRANGER): (True, "none"),
        (False, Reader.MEMBER): (True, "all"),
        (False, Reader.NEWCOMER): (True, "all"),
        (False, Reader.STEWARD): (True, "none"),
        (False, Reader.REMOVED): (True, "own"),
        (False, Reader.STRANGER): (False, "none"),
    }

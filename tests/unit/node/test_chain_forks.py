"""Forks that come to light before, while and after a block orders a branch (C 10: 10, 15, 20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.chain import branches
from p2pnode.consensus.certificate import check_final, configuration_of_value, final_of_value
from p2pnode.consensus.format import VOTE_TYPE, Vote, decode_header, encode_votes, sign_vote
from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import read_entry
from p2pnode.core.errors import UsageError
from p2pnode.core.events import AgreeToClose, Alert, ChainAsked
from p2pnode.governance import tables
from tests.unit.node.council import Council

FOUR = ("alice", "bob", "carol", "dave")
FIVE = (*FOUR, "erin")


def made_of(folder: Path, names: tuple[str, ...]) -> Council:
    """A group in which every entry calls for a block."""
    return Council(folder, names, checkpoint_entries=1)


def agree(council: Council, *names: str) -> None:
    """All machines hold the same chain, and their lanes end at the same entries."""
    assert len({council.tip(name) for name in names}) == 1
    assert len({council.state_root(name) for name in names}) == 1
    assert all(council.ends(name) == council.ends(names[0]) for name in names)


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_who_knows_a_fork_follows_the_branch_that_a_quorum_has_ordered(
    tmp_path: Path, is_restarted: bool
) -> None:
    council = made_of(tmp_path, FIVE)
    left, right = (council.sign("erin", text, at="alice") for text in (b"left", b"right"))
    council.hand("alice", left)
    for name in ("dave", "erin"):
        council.hand(name, right)
        council.prove(name, left, right)
    council.meet("alice", "bob", "carol")  # three of five are too few: q is 4
    assert council.tip("alice") == 0
    log = council["dave"].node.logs[council.group]
    assert log.lane(council["erin"].key, 0).ended_at == 0
    if is_restarted:
        council["dave"].restart()
    council.meet(*FIVE)
    agree(council, *FIVE)
    kept = council["dave"].node.logs[council.group].lane(council["erin"].key, 0)
    assert (kept.ended_at, kept.ended_id) in [(1, left.id), (0, bytes(32))]
    close(council)


def test_a_final_branch_is_fetched_in_the_place_of_the_one_held(tmp_path: Path) -> None:
    council = made_of(tmp_path, FOUR)
    left, right = (council.sign("dave", text, at="alice") for text in (b"left", b"right"))
    council.hand("alice", left)
    council.meet("alice", "bob", "carol")
    assert council.tip("alice") == 1
    council.hand("dave", right)
    council.prove("dave", left, right)
    held = council["dave"].node.logs[council.group]
    assert held.lane(council["dave"].key, 0).id == right.id
    council.meet(*FOUR)
    agree(council, *FOUR)
    lane = council["dave"].node.logs[council.group].lane(council["dave"].key, 0)
    assert (lane.decided, lane.ended_at, lane.ended_id, lane.id) == (0, 1, left.id, left.id)
    close(council)


def test_an_entry_that_names_a_dead_branch_is_ordered_once_the_key_is_sealed(tmp_path: Path) -> None:
    council = made_of(tmp_path, FOUR)
    left, right = (council.sign("dave", text, at="alice") for text in (b"left", b"right"))
    council.hand("alice", left)
    honest = council["alice"].write(council.group, "x", council.now_ms)
    assert left.id in honest.header.acks
    for name in ("bob", "carol"):
        council.hand(name, right)
        council.prove(name, left, right)
    council.meet("alice", "bob", "carol")
    agree(council, "alice", "bob", "carol")
    log = council["bob"].node.logs[council.group]
    assert log.lane(council["alice"].key, 0).decided >= 0
    assert tables.device(log.file.chain, council["dave"].key).status == "sealed"
    close(council)


def write_after(council: Council, names: tuple[str, ...], left: object) -> None:
    """Let some acknowledge an entry, each alone."""
    for name in names:
        entry = council[name].write(council.group, f"of {name}", council.now_ms)
        assert left in entry.header.acks


def test_j17_a_branch_that_a_quorum_acknowledged_is_not_sealed_away(tmp_path: Path) -> None:
    council = Council(tmp_path, FIVE)
    four = FIVE[:4]
    left, right = (council.sign("erin", text, at="alice") for text in (b"left", b"right"))
    for name in four:
        council.hand(name, left)
    write_after(council, four, left.id)
    council.meet(*four)  # who votes before it heard of all acknowledgements may seal the branch away
    assert [council.tip(name) for name in four] == [0] * 4
    for name in four:
        council.prove(name, left, right)
    council.meet(*four)
    agree(council, *four)
    assert council.tip("alice") == 1
    log = council["bob"].node.logs[council.group]
    row = tables.device(log.file.chain, council["erin"].key)
    assert row is not None
    assert (row.status, row.kept(0)) == ("sealed", 0)
    lane = log.lane(council["erin"].key, 0)
    assert (lane.decided, lane.id) == (0, left.id)
    council.hand("erin", right)
    council.meet(*FIVE)
    agree(council, *FIVE)
    close(council)


def test_j17_who_holds_the_other_branch_fetches_the_one_that_a_quorum_acknowledged(tmp_path: Path) -> None:
    council = Council(tmp_path, (*FIVE, "frank"))
    four, five = FIVE[:4], (*FIVE[:4], "frank")
    left, right = (council.sign("erin", text, at="alice") for text in (b"left", b"right"))
    for name in four:
        council.hand(name, left)
    write_after(council, four, left.id)
    council.hand("frank", right)
    for name in five:
        council.prove(name, left, right)
    council.meet(*five)
    agree(council, *five)
    lane = council["frank"].node.logs[council.group].lane(council["erin"].key, 0)
    assert (lane.decided, lane.id) == (0, left.id)
    close(council)


def test_j17_who_acknowledged_more_of_a_branch_counts_for_less_of_it_too(tmp_path: Path) -> None:
    """Alice knows a branch to its first entry, and by the words of bob and carol its third one alone."""
    council = Council(tmp_path, FOUR)
    three = FOUR[:3]
    left, right = (council.sign("dave", text, at="alice") for text in (b"left", b"right"))
    for name in three:
        council.hand(name, left)
    write_after(council, ("alice",), left.id)
    for text in (b"second", b"third"):
        last = council.sign("dave", text, at="bob")
        council.hand("bob", last)
        council.hand("carol", last)
    write_after(council, ("bob", "carol"), last.id)
    for name in three:
        council.prove(name, left, right)
    council.meet(*three)
    for name in three:
        kept = council[name].node.logs[council.group].chain.blocks.acknowledged
        assert council.tip(name) == 1 or [place.id for place in kept.values()] == [left.id], name
    agree(council, *three)
    assert council.tip("alice") == 1
    lane = council["alice"].node.logs[council.group].lane(council["dave"].key, 0)
    assert lane.decided == 0
    close(council)


def test_j17_a_branch_that_a_final_block_leaves_out_is_awaited_no_longer(tmp_path: Path) -> None:
    """Bob hears that a quorum acknowledged a branch, and only then of the block that was decided before."""
    council = Council(tmp_path, (*FIVE, "frank"))
    four = ("alice", "carol", "dave", "frank")
    left, right = (council.sign("erin", text, at="alice") for text in (b"left", b"right"))
    council.hand("carol", left)
    first = council["carol"].write(council.group, "of carol", council.now_ms)
    assert left.id in first.header.acks
    for name in ("alice", "bob", "dave", "frank"):
        council.hand(name, right)
    for name in (*four, "bob"):
        council.prove(name, left, right)
    council.meet(*four)
    assert council.tip("alice") == 1
    row = tables.device(council["alice"].node.logs[council.group].file.chain, council["erin"].key)
    assert row is not None
    assert (row.status, row.kept(0)) == ("sealed", -1)
    council.hand("bob", first)
    for name in ("alice", "dave", "frank"):
        entry = council[name].write(council.group, f"of {name}", council.now_ms)
        assert first.id in entry.header.acks
        council.hand("bob", entry)
    council.meet("bob")
    lane = council["bob"].node.logs[council.group].lane(council["erin"].key, 0)
    assert (council.tip("bob"), lane.seq, lane.ended_at, lane.ended_id) == (0, -1, 1, left.id)
    source, log = (council[name].node.logs[council.group] for name in ("alice", "bob"))
    block = source.file.chain.block(1)
    assert block is not None
    header = decode_header(block.header)
    log.chain.blocks.put_to_vote(header)
    assert log.chain.blocks.named_beyond(header.id) is None
    with log.change() as change:
        change.transaction.put_annex(header.body_hash, source.file.annexes([header.body_hash])[0])
    assert log.chain.blocks.named_beyond(header.id) == ((), ((council["erin"].key, 0),))
    assert log.lane(council["carol"].key, 0).delivered == -1
    with log.change() as change:
        branches.leave(change, council["erin"].key, 0)
    assert log.chain.blocks.named_beyond(header.id) == ((), ())
    assert log.lane(council["carol"].key, 0).delivered == 0
    council.meet(*four, "bob")
    assert council.tip("bob") >= 1
    agree(council, *four, "bob")
    close(council)


def test_j17_a_branch_without_a_quorum_behind_it_is_sealed_away(tmp_path: Path) -> None:
    council = Council(tmp_path, FIVE)
    left, right = (council.sign("erin", text, at="alice") for text in (b"left", b"right"))
    for name in FIVE[:3]:
        council.hand(name, left)
    write_after(council, FIVE[:3], left.id)
    council.hand("dave", right)
    for name in FIVE[:4]:
        council.prove(name, left, right)
    council.meet(*FIVE[:4])
    agree(council, *FIVE[:4])
    log = council["bob"].node.logs[council.group]
    row = tables.device(log.file.chain, council["erin"].key)
    assert row is not None
    assert (row.status, row.kept(0)) == ("sealed", -1)
    close(council)


def test_what_a_sealed_key_wrote_elsewhere_is_no_reason_for_a_block(tmp_path: Path) -> None:
    council = made_of(tmp_path, FOUR)
    left, right = (council.sign("dave", text, at="alice", lane=2) for text in (b"left", b"right"))
    council.hand("alice", left)
    council.prove("alice", left, right)
    council.meet("alice", "bob", "carol")
    height = council.tip("alice")
    assert height >= 1
    council.hand("alice", council.sign("dave", b"late", at="alice", lane=0))
    council.meet("alice", "bob", "carol")
    assert council.tip("alice") == height
    assert not council["alice"].node.logs[council.group].chain.blocks.has_work()
    close(council)


def test_a_voter_whose_votes_end_at_a_fork_hides_no_final_block(tmp_path: Path) -> None:
    """Nobody who knows a fork fetches votes beyond it: the certificate in the next block tells."""
    council = made_of(tmp_path, FOUR)
    council["alice"].write(council.group, "first", council.now_ms)
    forged = council.sign("carol", b"twin", at="alice", lane=1)
    council.meet("alice", "bob", "carol")
    assert council.tip("alice") == 1
    row = council["alice"].node.logs[council.group].lane(council["carol"].key, 1)
    first = council["alice"].node.logs[council.group].file.entries(row.number, 0, 0)[0]
    council.prove("dave", read_entry(first.header, first.signature, first.payload), forged)
    council["bob"].write(council.group, "second", council.now_ms)
    council.meet("alice", "bob")  # one of these proposes: carol's proposal would lie beyond her fork
    council.meet(*FOUR)
    council.meet(*FOUR)
    assert council.tip("dave") == council.tip("alice") > 1
    close(council)


def convoke(council: Council, names: tuple[str, ...], days: int) -> None:
    """Let some voters meet every day, agree when they are asked, and start again now and then."""
    height = council.tip(names[0])
    for day in range(days):
        council.wait(1)
        council.meet(*names)
        if day % 5 == 0:
            council[names[day % len(names)]].restart()
        for name in names:
            try:
                council[name].ask(AgreeToClose(1, council.group), council.now_ms)
            except UsageError as error:
                assert error.rule == "convocation.not_asked"
        if council.tip(names[0]) > height:
            return


def test_a_second_convocation_suspends_the_silent_who_come_back_by_themselves(tmp_path: Path) -> None:
    council = made_of(tmp_path, FIVE)
    three = FIVE[:3]
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet(*three)
    assert council.tip("alice") == 0
    convoke(council, three, 27)
    assert council.tip("alice") == 0  # fourteen days until the roll call, and as many for answers
    convoke(council, three, 10)
    assert council.tip("alice") == 1
    rules = [effect.rule for effect in council["alice"].effects if isinstance(effect, Alert)]
    assert "convocation.asked" in rules
    row = council["bob"].node.logs[council.group].file.chain.block(1)
    convocation = codec.decode(row.convocation)
    final = final_of_value([row.header, codec.decode(row.certificate), convocation])
    assert check_final(final, configuration_of_value(codec.decode(row.configuration))) == "convoked"
    council["bob"].write(council.group, "y", council.now_ms)
    council.meet(*three)
    assert council.tip("alice") == 2
    council.meet(*FIVE)
    council.meet(*FIVE)
    agree(council, *FIVE)
    assert len(council["alice"].node.logs[council.group].chain.tip.configuration.voters) == 5
    close(council)


def test_two_final_blocks_of_one_height_stop_the_order_and_name_the_culprits(tmp_path: Path) -> None:
    council = made_of(tmp_path, FOUR)
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet("alice", "bob", "carol")
    log = council["alice"].node.logs[council.group]
    view = codec.decode(log.file.chain.block(1).certificate)[2]
    epoch = decode_header(log.file.chain.block(1).header).epoch
    other = bytes(range(32))
    for name in ("bob", "carol", "dave"):
        key = SigningKey(council[name].seed)
        vote = Vote(1, 0, view, "F", other, bytes(64))
        signed = Vote(*vote_fields(vote), sign_vote(key, council.group, epoch, vote))
        entry = council.sign(name, encode_votes([signed]), at="alice", lane=1, type_=VOTE_TYPE)
        council.hand("alice", entry)
    alerts = [effect for effect in council["alice"].effects if isinstance(effect, Alert)]
    told = next(alert for alert in alerts if alert.rule == "chain.schism")
    members = {key: member for member, key in log.chain.tip.configuration.voters}
    signers = set(log.chain.tip.certificate.signers)
    voters = [member for member, _ in log.chain.tip.configuration.voters]
    guilty = {members[council[name].key] for name in ("bob", "carol", "dave")}
    expected = sorted(guilty & {voters[signer] for signer in signers})
    assert expected
    assert told.facts["culprits"] == ",".join(member.hex() for member in expected)
    council["alice"].restart()
    assert council["alice"].ask(ChainAsked(1, council.group)).missing.stage == "schism"
    council["alice"].write(council.group, "the log goes on", council.now_ms)
    council.meet("alice", "bob", "carol")
    assert council.tip("alice") == 1
    close(council)


def vote_fields(vote: Vote) -> tuple[object, ...]:
    return vote.height, vote.attempt, vote.view, vote.kind, vote.block


def test_a_voter_goes_on_with_its_own_votes_after_any_restart(tmp_path: Path) -> None:
    """Nobody says anything twice: voters meet by twos, where no quorum is, and start again in between."""
    council = made_of(tmp_path, FOUR)
    for number in range(3):
        council["alice"].write(council.group, f"entry {number}", council.now_ms)
        for some in (("alice", "bob"), ("bob", "carol"), ("carol", "alice"), FOUR[:3], FOUR[:3]):
            council.meet(*some)
            for name in some:
                council[name].restart()
        assert council.tip("alice") == number + 1
    for name in FOUR[:3]:
        log = council["alice"].node.logs[council.group]
        lane = log.lane(council[name].key, 1)
        said: dict[tuple[int, int, int, str], bytes] = {}
        for row in log.file.entries(lane.number, 0, lane.seq):
            entry = read_entry(row.header, row.signature, row.payload)
            if entry.header.type != VOTE_TYPE:
                continue
            for height, attempt, view, kind, block, *_ in codec.decode(entry.payload):
                assert said.setdefault((height, attempt, view, kind), block) == block
    close(council)


def test_a_restored_voter_says_nothing_until_a_member_has_confirmed_its_log(tmp_path: Path) -> None:
    council = made_of(tmp_path, FOUR)
    council["alice"].write(council.group, "x", council.now_ms)
    council["bob"].restart(is_restored=True)
    council.meet("alice", "bob", "carol")
    log = council["alice"].node.logs[council.group]
    lane = log.lane(council["bob"].key, 1)
    assert council.tip("alice") == 0
    assert lane is None or lane.seq < 0
    close(council)

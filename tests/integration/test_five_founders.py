"""One group of five founders and a sixth member without a vote, in one scene after the other.

The scenes share their processes, because founding a group costs more than most of them; each leaves everybody
running and level.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from p2pnode.core.errors import UsageError
from tests.integration.deciding import (
    QUICK,
    are_members,
    contradictions,
    decided,
    found_together,
    is_final,
    propose,
    statuses,
    voters,
    votes_by_voter,
    waiting,
)
from tests.integration.nodes import SOON_S, Running, converge, eventually, nodes_in, run_command

_NAMES = ("alice", "bob", "carol", "dave", "erin")
_CHARTER = (
    QUICK
    + """lying_voters = 0
ballot_grace_hours = 0
hearing_hours = 0

[decisions.remove]
rule = "majority"
quorum = [1, 2]
window_hours = 1
early = true

[decisions.restore_key]
rule = "majority"
quorum = [1, 2]
window_hours = 1
early = true
"""
)
"""Three of five decide."""


class Five(NamedTuple):
    """The founders, and who came later by an invitation and has no vote."""

    group: str
    founders: list[Running]
    frank: Running
    folder: Path
    make: Callable[..., Running]

    @property
    def everybody(self) -> list[Running]:
        return [*self.founders, self.frank]

    def propose(self, node: Running, title: str) -> str:
        return propose(node, self.group, "text", "We do it.", "--title", title)

    def settle(self) -> None:
        """All hold the same, and everything that calls for a decision has one."""
        converge(self.everybody, self.group, within_s=120)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Five]:
    """Found the group, and let frank in."""
    folder = tmp_path_factory.mktemp("five")
    with nodes_in(folder) as make:
        founders = [make(name).start() for name in _NAMES]
        group = found_together(founders, folder, _CHARTER)
        frank = make("frank").start()
        frank.join(founders[0].invite(group))
        five = Five(group, founders, frank, folder, make)
        eventually("frank is a member", lambda: are_members(five.everybody, group, 6), within_s=120)
        assert voters(frank, group) == 5
        yield five


def test_members_who_never_meet_decide_through_one_without_a_vote(five: Five) -> None:
    for founder in five.founders:
        founder.stop()
    entry, visits = "", 0
    while visits < 7 and not (entry and is_final([five.frank], five.group, entry)):
        visitor = five.founders[visits % 5].start()
        entry = entry or five.propose(visitor, "Opening hours")
        eventually(f"{visitor.name} has spoken", partial(_has_spoken, five, visitor, entry))
        visitor.stop()
        visits += 1
    assert is_final([five.frank], five.group, entry), f"undecided after {visits} visits"
    for founder in five.founders:
        founder.start()
    decided(five.everybody, five.group, entry, "all hear of it")
    five.settle()


def _has_spoken(five: Five, visitor: Running, entry: str) -> bool:
    """Whether the one who is always there has the visitor's word, or nothing is left to be said."""
    answer = waiting(five.frank, five.group)
    is_heard = answer["stage"] in ("notarize", "finalize") and visitor.name in answer["spoken"]
    return is_heard or is_final([five.frank], five.group, entry)


def test_three_of_five_go_on_when_one_and_when_two_are_dead(five: Five) -> None:
    alice, _, _, dave, erin = five.founders
    dave.kill()
    living = [node for node in five.everybody if node is not dave]
    decided(living, five.group, five.propose(alice, "Without one"), "four decide")
    erin.kill()
    living.remove(erin)
    decided(living, five.group, five.propose(alice, "Without two"), "three decide")
    dave.start()
    erin.start()
    five.settle()


def test_without_a_quorum_nothing_is_decided_until_it_can_be_seen_again(five: Five) -> None:
    """Two of five on one side; three that stand still, with their connections, on the other."""
    alice, bob, *stopped = five.founders
    for node in stopped:
        node.signal(signal.SIGSTOP)
    entry = five.propose(alice, "By two of five")
    eventually("both have spoken", lambda: _are_two_of_five_heard(five))
    assert not is_final([alice, bob, five.frank], five.group, entry)
    for node in stopped:
        node.signal(signal.SIGCONT)
    decided(five.everybody, five.group, entry, "together they decide")
    five.settle()


def _are_two_of_five_heard(five: Five) -> bool:
    answer = waiting(five.frank, five.group)
    return answer["stage"] == "notarize" and len(answer["spoken"]) == 2


def test_a_voter_restored_from_a_backup_votes_again_and_never_twice(five: Five) -> None:
    alice, bob, carol, dave, erin = five.founders
    archive = five.folder / "bob.tar"
    bob.done("backup", str(archive))
    for number in range(2):
        decided(five.everybody, five.group, five.propose(bob, f"After the backup {number}"), "all decide")
    five.settle()
    bob.stop()
    shutil.rmtree(bob.path)
    bob.done("restore", str(archive))
    alone = five.propose(alice, "While bob is away")
    decided([alice, carol, dave, erin, five.frank], five.group, alone, "the others decide")
    bob.start()
    eventually("a member has confirmed bob's log", lambda: bob.status()["may_write"])
    dave.kill()
    erin.kill()
    # Now nothing is decided without bob's votes.
    needed = five.propose(bob, "With bob")
    decided([alice, bob, carol, five.frank], five.group, needed, "bob votes again")
    dave.start()
    erin.start()
    five.settle()
    for node in five.everybody:
        assert node.group(five.group)["forks"] == 0
        assert node.status()["notices"] == []


def test_who_is_removed_learns_it_and_keeps_what_it_holds(five: Five) -> None:
    *others, erin = five.founders
    others.append(five.frank)
    written = erin.contribute(five.group, "before the removal")
    decision = propose(five.founders[0], five.group, "remove", "erin", "--why", "for the test")
    decided(five.everybody, five.group, decision, "the vote is open")
    before = set(erin.entries(five.group))
    for node in others:
        node.done("vote", decision, "yes", "-g", five.group)
    eventually("they know", lambda: all(statuses(n, five.group)["erin"] == "removed" for n in others))
    eventually("erin knows", lambda: statuses(erin, five.group)["erin"] == "removed", within_s=60)
    ended = erin.command("contribute", "afterwards", "--effort", "1h", "-g", five.group)
    assert ended.refusal["rule"] == "member.not_one"
    assert "removed" in " ".join(erin.done("why", five.group)["lines"])
    secret = others[0].contribute(five.group, "among ourselves")
    decided(others, five.group, five.propose(others[1], "Without erin"), "four founders go on")
    held = set(erin.entries(five.group))
    assert before | {written} <= held
    assert secret not in held


def test_who_was_away_when_it_was_removed_learns_it_when_it_comes_back(five: Five) -> None:
    alice, bob, _, dave, _ = five.founders
    standings = statuses(alice, five.group)
    others = [node for node in five.everybody if node is not dave and standings[node.name] == "member"]
    dave.stop()
    missed = alice.contribute(five.group, "while dave is away and a member")
    decision = propose(alice, five.group, "remove", "dave", "--why", "while he is away")
    decided(others, five.group, decision, "the vote is open")
    for node in others:
        node.done("vote", decision, "yes", "-g", five.group)
    eventually("they know", lambda: all(statuses(n, five.group)["dave"] == "removed" for n in others))
    secret = alice.contribute(five.group, "among ourselves")
    decided(others, five.group, five.propose(bob, "Without dave"), "the others go on")
    before = set(dave.start().entries(five.group))
    notice = eventually("dave is told", lambda: dave.status()["notices"])[0]
    assert notice["rule"] == "member.parted"
    assert "removed" in notice["message"]
    assert "p2pnode why orchard" in notice["remedy"]
    assert dave.group(five.group)["standing"] == "removed"
    told = dave.done("why", five.group)
    assert "removed you" in told["lines"][0]
    assert "invite" in told["remedy"]
    ended = dave.command("contribute", "afterwards", "--effort", "1h", "-g", five.group)
    assert ended.refusal["rule"] == "member.not_one"
    # He reads on to the block that removed him, and not a step further (J23).
    eventually("dave has read on", lambda: statuses(dave, five.group)["dave"] == "removed", within_s=SOON_S)
    assert dave.done("decisions", "show", decision, "-g", five.group)["summary"]["state"] == "passed"
    assert before | {missed} <= set(dave.entries(five.group))
    assert secret not in dave.entries(five.group)
    as_it_was = dave.group(five.group)
    assert as_it_was["height"] < alice.group(five.group)["height"]
    assert "the group has removed you" in as_it_was["as_of"]
    for words in (("members", five.group), ("decisions", five.group), ("group", "show", five.group)):
        shown = run_command(dave.folder, "--home", str(dave.path), *words)
        assert "as it was at block" in shown.output
    dave.stop()
    assert [row["rule"] for row in dave.start().status()["notices"]] == ["member.parted"]


def test_j41_who_was_removed_is_shown_proofs_of_what_it_may_not_read(five: Five) -> None:
    """Over libp2p, by name and by itself; the own row says how it stands now, and no other row is shown."""
    alice, _, _, dave, _ = five.founders
    standings = statuses(alice, five.group)
    others = [node for node in five.everybody if standings[node.name] == "member"]
    entry = five.propose(alice, "After dave was removed")
    decided(others, five.group, entry, "the others go on")
    eventually("they are connected", lambda: any(row["connected"] for row in dave.client.get("/peers")))
    assert entry not in dave.entries(five.group)
    file = five.folder / "entry.proof"
    shown = dave.done("proof", "show", entry, "-g", five.group, "--from", alice.peer_id, "-o", str(file))
    assert (shown["entry"]["id"], shown["entry"]["state"]) == (entry, "final")
    assert shown["entry"]["body"] is None
    assert dave.done("proof", "verify", str(file), "--trusted", five.group)["holds"]
    assert dave.client.get("/proof", entry=entry, group=five.group)["peer_id"]
    last = dave.client.get("/proof/final", group=five.group, peer=alice.peer_id)
    assert last["height"] > dave.group(five.group)["height"]
    own = dave.done("proof", "membership", "--from", alice.peer_id, "-g", five.group)
    assert own["row"]["member"]["status"] == "removed"
    with pytest.raises(UsageError) as caught:
        dave.client.get("/proof", entry=entry, decision="true", group=five.group, peer=alice.peer_id)
    assert caught.value.rule == "proof.not_yours"


def test_a_device_that_the_group_replaced_while_it_was_off_line_learns_it_and_writes_no_more(
    five: Five,
) -> None:
    """Frank lost the device and the phrase, and the group gave him another one; then the old one is found."""
    alice, standings = five.founders[0], statuses(five.founders[0], five.group)
    old, new = five.frank, five.make("frank's new one")
    old.stop()
    new.done("init")
    request = new.done("recover", "ask")["request"]
    words = ("restore-key", "frank", "--request", request, "--why", "the old one fell into the lake")
    decision = propose(alice, five.group, *words)
    others = [node for node in five.founders if standings[node.name] == "member"]
    decided(others, five.group, decision, "the vote is open")
    for node in others:
        node.done("vote", decision, "yes", "-g", five.group)
    file = five.folder / "back.device"
    alice.done("device", "invite", str(file), "--for", "frank", "-g", five.group)
    new.start().done("device", "accept", str(file))
    written = eventually("the new one writes", lambda: _written(new, five.group, "with the new one"))
    eventually("alice has it", lambda: written in alice.entries(five.group))
    assert statuses(alice, five.group)["frank"] == "member"

    before = set(old.start().entries(five.group))
    notice = eventually("the old one is told", lambda: old.status()["notices"])[0]
    assert (notice["rule"], "this device was revoked" in notice["message"]) == ("member.parted", True)
    assert _written(old, five.group, "with the old one") is None
    told = old.done("why", five.group)
    assert "this device was revoked" in told["lines"][0]
    assert before <= set(old.entries(five.group))
    assert written not in old.entries(five.group)
    row = alice.client.get("/proof/membership", group=five.group, peer=new.peer_id)
    assert row["peer_id"] == new.peer_id


def _written(node: Running, group: str, what: str) -> str | None:
    """The entry that a node wrote, or None where it may not."""
    try:
        return node.contribute(group, what)
    except UsageError as error:
        assert error.rule in ("member.not_one", "group.unknown")
        return None


def test_nobody_has_voted_twice(five: Five) -> None:
    """Whatever happened in the scenes before: of each voter all that the others hold fits together."""
    for node in five.everybody:
        node.stop()
    for node in five.everybody:
        for votes in votes_by_voter(node, five.group).values():
            assert contradictions(votes) == []

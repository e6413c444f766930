"""D17: a member carries away what real nodes ordered: one file that holds without any of them."""

from pathlib import Path

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.core.events import Append, Item
from p2pnode.economy import event, judging
from p2pnode.economy.event import EVENT_TYPE, Event
from p2pnode.economy.measure import Measure
from p2pnode.economy.skills import doing_of
from p2pnode.proof_summary import summary_of
from p2pnode.service import bundling
from p2pnode.service.bundling import bundle_file
from p2pnode.service.provisional import Provisional
from p2pnode.skill_summary import skills_of_file
from tests.unit.node.council import Council
from tests.unit.node.test_provisional import view_of


def test_d17_a_member_carries_their_skills_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    council.now_ms += 10
    pruning = Event(
        "work",
        council.now_ms,
        effort_quantity=Measure((2, 0), "hour"),
        receiver=council.group,
        resource_conforms_to="pruning",
        stream="commons",
    )
    written = council["alice"].ask(
        Append(1, council.group, (Item(EVENT_TYPE, event.encode(pruning)),)), council.now_ms
    )
    record = bytes(written[0].id)
    council.meet("alice", "bob", "carol")
    said = judging.Attestation(record, judging.UPHOLD, competence="pruning")
    item = Item(judging.ATTESTATION_TYPE, judging.ATTESTATION.encode(said))
    council.now_ms += 10
    council["bob"].ask(Append(1, council.group, (item,)), council.now_ms)
    council.meet("alice", "bob", "carol")
    view = view_of(council, "alice", Provisional())
    me, bob = view.me[0], view_of(council, "bob", Provisional()).me[0]
    found = bundle_file(view, me, lambda row: doing_of(row, me) is not None, shown=me)
    data = bytes.fromhex(found["bundle_hex"])
    told = skills_of_file(data, council.group)
    assert (told["member"], found["records"], len(told["records"])) == (me.hex(), 1, 1)
    (skill,) = told["skills"]
    assert skill["upheld"] == [{"member": bob.hex()[:8], "competence": "pruning"}]
    assert summary_of(data, council.group)["records"][0]["attestations"][0]["verdict"] == "uphold"
    # Who did nothing has nothing to carry away.
    with pytest.raises(UsageError) as refused:
        bundle_file(view, bob, lambda row: doing_of(row, bob) is not None, shown=bob)
    assert refused.value.rule == "bundle.nothing_final"
    # One record has room, but not the entry in which it was judged too: nobody would read that file.
    monkeypatch.setattr(bundling, "RECORDS_MAX", 1)
    with pytest.raises(UsageError) as refused:
        bundle_file(view, me, lambda row: doing_of(row, me) is not None, shown=me)
    assert refused.value.rule == "bundle.too_many"

"""Mandates: M of N members act on behalf of the group."""

from typing import Any

from p2pnode.consensus.rows import row_key
from p2pnode.governance import mandate, tables
from p2pnode.governance.ballot import YES
from tests.unit.governance.assembly import HOUR_MS, IDS, Assembly

_ENTRY = b"\x0e" * 32


def _treasury(**changes: Any) -> tuple[Assembly, bytes]:
    """Five members, of whom two of three may buy things, for ten days."""
    quick = {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": False}
    assembly = Assembly(5, decisions={"mandate": quick})
    body = {"acts": ["buy"], "days": 10, "holders": list(IDS[:3]), "name": "treasury", "needed": 2, **changes}
    return assembly, _decide(assembly, body)


def _decide(assembly: Assembly, body: Any) -> bytes:
    proposal = assembly.propose(4, "mandate", body)
    assembly.cast_all(proposal, YES, YES, YES)
    assembly.later(1)
    assembly.end_block()
    assert assembly.decided(proposal).result == "passed"
    return proposal


def test_w9_enough_holders_together_act_on_behalf_of_the_group() -> None:
    assembly, treasury = _treasury()
    assert list(mandate.mandates(assembly.state)) == [treasury]
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    (half,) = mandate.on_behalf(assembly.state, _ENTRY)
    assert (half.signers, half.height) == ((IDS[0],), None)
    assert assembly.sign(2, treasury, _ENTRY, "buy") is None
    (whole,) = mandate.on_behalf(assembly.state, _ENTRY)
    assert (whole.mandate, whole.act, whole.signers, whole.height) == (
        treasury,
        "buy",
        (IDS[0], IDS[2]),
        assembly.height,
    )


def test_who_and_what_a_mandate_does_not_cover() -> None:
    assembly, treasury = _treasury()
    assert assembly.sign(3, treasury, _ENTRY, "buy") == "mandate.no_holder"
    assert assembly.sign(0, treasury, _ENTRY, "sell") == "mandate.other_act"
    assert assembly.sign(0, bytes(32), _ENTRY, "buy") == "mandate.unknown"
    assert mandate.on_behalf(assembly.state, _ENTRY) == []


def test_one_entry_is_one_act() -> None:
    assembly, treasury = _treasury(acts=["buy", "sell"])
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    assert assembly.sign(1, treasury, _ENTRY, "sell") == "mandate.signed_as_other_act"


def test_a_mandate_ends() -> None:
    assembly, treasury = _treasury()
    assembly.later(10 * 24)
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    assembly.now_ms += 1
    assert assembly.sign(1, treasury, _ENTRY, "buy") == "mandate.over"


def test_a_mandate_is_withdrawn_by_decision_and_what_was_signed_stays() -> None:
    assembly, treasury = _treasury(needed=1)
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    withdrawal = _decide(assembly, {"withdraw": treasury})
    assert assembly.decided(withdrawal).rule == ""
    assert assembly.sign(1, treasury, _ENTRY, "buy") == "mandate.unknown"
    (signed,) = mandate.on_behalf(assembly.state, _ENTRY)
    assert signed.height is not None


def test_two_withdrawals_of_one_mandate() -> None:
    assembly, treasury = _treasury()
    proposals = [assembly.propose(who, "mandate", {"withdraw": treasury}) for who in (0, 1)]
    for proposal in proposals:
        assembly.cast_all(proposal, YES, YES, YES)
    assembly.later(1)
    assembly.end_block()
    assert sorted(assembly.decided(proposal).rule for proposal in proposals) == ["", "mandate.withdrawn"]


def test_a_holder_who_is_suspended_neither_signs_nor_counts() -> None:
    assembly, treasury = _treasury()
    assert assembly.sign(0, treasury, _ENTRY, "buy") is None
    tables.write(assembly.state, row_key("suspension", IDS[0]), assembly.now_ms + 100 * HOUR_MS)
    assert assembly.sign(0, treasury, b"\x0f" * 32, "buy") == "mandate.no_holder"
    assert assembly.sign(1, treasury, _ENTRY, "buy") is None
    assert mandate.on_behalf(assembly.state, _ENTRY)[0].height is None
    assert assembly.sign(2, treasury, _ENTRY, "buy") is None
    assert mandate.on_behalf(assembly.state, _ENTRY)[0].height is not None


def test_a_mandate_for_somebody_who_is_no_longer_there_is_not_given() -> None:
    quick = {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": False}
    assembly = Assembly(5, decisions={"mandate": quick})
    body = {"acts": ["buy"], "days": 10, "holders": [IDS[3]], "name": "treasury", "needed": 1}
    proposal = assembly.propose(4, "mandate", body)
    assembly.cast_all(proposal, YES, YES, YES)
    tables.write(assembly.state, row_key("suspension", IDS[3]), assembly.now_ms + 100 * HOUR_MS)
    assembly.later(1)
    assembly.end_block()
    assert assembly.decided(proposal).rule == "mandate.no_member"
    assert mandate.mandates(assembly.state) == {}

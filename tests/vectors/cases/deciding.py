"""Vectors of deciding: proposals, answers, ballots, delegations, codes, mandates, and counted elections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from p2pnode.core import codec
from p2pnode.exporters.decisions_export import write_export
from p2pnode.governance import ballot, mandate, proposal
from p2pnode.governance.ballot import Ballot, Confirmation, Delegating
from p2pnode.governance.decision import DecisionRow, encode_decision
from p2pnode.governance.mandate import Signing
from p2pnode.governance.proposal import Answer, Proposal
from tests.unit.exporters.meeting import WORDS, export_of, meeting
from tests.vectors.cases.material import BOB, COMMITMENT, SMALL_ORDER_KEY, START_MS
from tests.vectors.cases.vector_file import Document, VectorFile

_PROPOSAL, _MEMBER, _OTHER, _ENTRY, _ANNEX = (
    bytes([number]) * 32 for number in (0x51, 0x52, 0x53, 0x54, 0x55)
)
_CODE = b"\x56" * 16
_MANDATE_BODY: dict[str, codec.Value] = {
    "acts": ["buy", "sign a lease"],
    "days": 365,
    "holders": [_MEMBER, _OTHER],
    "name": "treasury",
    "needed": 2,
}


def documents() -> dict[str, Document]:
    return {
        "proposal.open": _open(),
        "proposal.withdraw": _withdraw(),
        "proposal.answer": _answer(),
        "ballot.cast": _cast(),
        "ballot.delegate": _delegate(),
        "ballot.codes": _codes(),
        "ballot.confirm": _confirm(),
        "mandate.sign": _sign(),
        "decision_rule": _rule(),
        "election": _election(),
        "decision": _decision(),
        "decisions_export": _export(),
    }


def bodies() -> dict[str, codec.Value]:
    """One good body for each subject."""
    return {
        "admit": {"join": _ENTRY},
        "amend": {"charter": {"decisions": {"text": {"rule": "consent"}}, "purpose": "to share"}},
        "commons": {"entry": _ENTRY},
        "council": {"candidates": [_MEMBER, _OTHER], "seats": 1, "term_days": 365},
        "dispute": {"event": _ENTRY, "stands": False},
        "distribute": {"after": 0, "flow": [10001, -2], "last": 41, "result": _ENTRY, "rule": "surplus"},
        "lying_voters": {"lying_voters": 1},
        "mandate": _MANDATE_BODY,
        "reinstate": {"member": _MEMBER},
        "remove": {"member": _MEMBER},
        "restore_key": {"device": BOB.public, "member": _MEMBER, "recovery": COMMITMENT},
        "role": {"give": True, "member": _MEMBER, "role": "treasurer"},
        "rule_version": {"version": 2},
        "suspend": {"days": 30, "member": _MEMBER},
        "text": {"text": "We meet on Thursdays.\nBring tea."},
        "voting_role": {"give": False, "member": _MEMBER},
    }


def _open() -> Document:
    file = VectorFile("proposal.open", "Payloads of proposals: a subject and its data.")
    good = bodies()
    for subject, body in good.items():
        file.accept(subject, proposal.encode_open(Proposal(subject, body)))
    given = {"event": _ENTRY, "provider": _MEMBER}
    file.accept("say whose a claim is", proposal.encode_open(Proposal("dispute", given)))
    file.accept("withdraw a mandate", proposal.encode_open(Proposal("mandate", {"withdraw": _PROPOSAL})))
    file.accept("a text in the annex", proposal.encode_open(Proposal("text", {}, _ANNEX)))
    file.accept("a subject of the group's own", proposal.encode_open(Proposal("picnic", {"where": "lake"})))
    wrong: dict[str, list[tuple[str, codec.Value]]] = {
        "admit": [("a short id", {"join": b""}), ("another field", {"join": _ENTRY, "who": 1})],
        "amend": [("nothing", {"charter": {}}), ("not a map", {"charter": []})],
        "commons": [("a name", {"entry": "garden"}), ("another field", {"entry": _ENTRY, "use": _ENTRY})],
        "council": [
            ("more seats than candidates", {**good["council"], "seats": 3}),
            ("candidates out of order", {**good["council"], "candidates": [_OTHER, _MEMBER]}),
            ("no candidate", {**good["council"], "candidates": []}),
            ("a candidate as text", {**good["council"], "candidates": ["alice"]}),
            ("no term", {**good["council"], "term_days": 0}),
        ],
        "dispute": [
            ("both answers", {"event": _ENTRY, "provider": _MEMBER, "stands": True}),
            ("no answer", {"event": _ENTRY}),
            ("a number", {"event": _ENTRY, "stands": 1}),
        ],
        "distribute": [
            ("no rule", {**good["distribute"], "rule": ""}),
            ("a height below zero", {**good["distribute"], "after": -1}),
            ("no block", {**good["distribute"], "last": 0}),
            ("a short result", {**good["distribute"], "result": b""}),
            ("no result", {name: item for name, item in good["distribute"].items() if name != "result"}),
        ],
        "lying_voters": [("below none", {"lying_voters": -1})],
        "mandate": [
            ("more signatures than holders", {**_MANDATE_BODY, "needed": 3}),
            ("no signature", {**_MANDATE_BODY, "needed": 0}),
            ("a word twice", {**_MANDATE_BODY, "acts": ["buy", "buy"]}),
            ("no act", {**_MANDATE_BODY, "acts": []}),
            ("no name", {**_MANDATE_BODY, "name": ""}),
            ("for ever", {**_MANDATE_BODY, "days": 3661}),
            ("a short id", {"withdraw": b""}),
        ],
        "reinstate": [("nobody", {})],
        "remove": [("not a map", [])],
        "restore_key": [("a small-order key", {**good["restore_key"], "device": SMALL_ORDER_KEY})],
        "role": [("neither given nor taken", {**good["role"], "give": 1})],
        "rule_version": [("no version", {"version": 0})],
        "suspend": [("for more than a year", {"days": 367, "member": _MEMBER})],
        "text": [("too long", {"text": "a" * 20_001}), ("empty", {"text": ""})],
        "voting_role": [("a short id", {"give": True, "member": b""})],
        "picnic": [("a list", []), ("too much", {"where": "a" * 16 * 1024})],
    }
    for subject, cases in wrong.items():
        for name, body in cases:
            rule = "charter.bad_field" if subject == "amend" else "proposal.bad_field"
            file.reject(f"{subject}: {name}", codec.encode({"body": body, "subject": subject}), rule)
    file.reject(
        "a setting that cannot change",
        codec.encode({"body": {"charter": {"visibility": "private"}}, "subject": "amend"}),
        "charter.fixed",
    )
    file.reject(
        "an amendment of 33 KiB",
        codec.encode({"body": {"charter": {"annals": "a" * 33 * 1024}}, "subject": "amend"}),
        "charter.too_large",
    )
    for name, value in {
        "no body": {"subject": "text"},
        "no subject": {"body": {}},
        "a subject in capitals": {"body": {}, "subject": "TEXT"},
        "a subject of 33 letters": {"body": {}, "subject": "a" * 33},
        "a title in the open": {"body": {}, "subject": "text", "title": "x"},
        "a short annex": {"annex": b"", "body": {}, "subject": "text"},
        "not a map": [],
    }.items():
        file.reject(name, codec.encode(value), "proposal.bad_field")
    return file.document()


def _withdraw() -> Document:
    file = VectorFile("proposal.withdraw", "Payloads by which an author takes a proposal back.")
    file.accept("a proposal", proposal.encode_withdraw(_PROPOSAL))
    file.reject("a short id", codec.encode({"proposal": b""}), "withdraw.bad_field")
    file.reject("not a map", codec.encode(_PROPOSAL), "withdraw.bad_field")
    return file.document()


def _answer() -> Document:
    file = VectorFile("proposal.answer", "Payloads of answers of the person a proposal is about.")
    file.accept("an answer", proposal.encode_answer(Answer(_PROPOSAL, _ANNEX)))
    file.reject("without words", codec.encode({"proposal": _PROPOSAL}), "answer.bad_field")
    file.reject("words in the open", codec.encode({"annex": "no", "proposal": _PROPOSAL}), "answer.bad_field")
    return file.document()


def _changed(value: codec.Value, **changes: Any) -> bytes:
    return codec.encode({**value, **changes})


def _cast() -> Document:
    file = VectorFile("ballot.cast", "Payloads of ballots.")
    for choice in ("yes", "no", "abstain"):
        file.accept(choice, ballot.encode_cast(Ballot(_PROPOSAL, choice)))
    file.accept("an objection", ballot.encode_cast(Ballot(_PROPOSAL, "object", (), _ANNEX)))
    file.accept("ranked", ballot.encode_cast(Ballot(_PROPOSAL, "ranked", (_OTHER, _MEMBER))))
    file.accept("yes, with a word", ballot.encode_cast(Ballot(_PROPOSAL, "yes", (), _ANNEX)))
    file.accept("recorded for another", ballot.encode_cast(Ballot(_PROPOSAL, "no", (), None, _MEMBER)))
    value: codec.Value = {"choice": "yes", "proposal": _PROPOSAL}
    file.reject("an objection without reason", _changed(value, choice="object"), "ballot.needs_reason")
    for name, changes in {
        "another choice": {"choice": "maybe"},
        "yes in capitals": {"choice": "YES"},
        "a short proposal": {"proposal": b""},
        "yes with a ranking": {"ranked": [_MEMBER]},
        "ranked without ranking": {"choice": "ranked"},
        "nobody ranked": {"choice": "ranked", "ranked": []},
        "one twice": {"choice": "ranked", "ranked": [_MEMBER, _MEMBER]},
        "a name": {"choice": "ranked", "ranked": ["alice"]},
        "a reason in the open": {"reason": "x"},
        "a short member": {"member": b""},
    }.items():
        file.reject(name, _changed(value, **changes), "ballot.bad_field")
    file.reject(
        "65 candidates", _changed(value, ranked=[bytes([n]) * 32 for n in range(65)]), "ballot.bad_field"
    )
    return file.document()


def _delegate() -> Document:
    file = VectorFile("ballot.delegate", "Payloads of delegations: to whom, and for what.")
    file.accept("for everything", ballot.encode_delegate(Delegating(_MEMBER)))
    file.accept("for one proposal", ballot.encode_delegate(Delegating(_MEMBER, _PROPOSAL)))
    file.accept("for a subject", ballot.encode_delegate(Delegating(_MEMBER, None, "text")))
    file.accept("taken back", ballot.encode_delegate(Delegating(None)))
    value: codec.Value = {"to": _MEMBER}
    for name, changes in {
        "for a proposal and a subject": {"proposal": _PROPOSAL, "subject": "text"},
        "a subject in capitals": {"subject": "TEXT"},
        "to a name": {"to": "alice"},
        "a short proposal": {"proposal": b""},
        "another field": {"until": 1},
    }.items():
        file.reject(name, _changed(value, **changes), "ballot.bad_field")
    file.reject("to nobody said", codec.encode({}), "ballot.bad_field")
    return file.document()


def _codes() -> Document:
    file = VectorFile("ballot.codes", "Payloads with the hashes of one-time codes for paper ballots.")
    codes = sorted(ballot.code_hash(_MEMBER, bytes([number]) * 16) for number in range(32))
    file.accept("a sheet", ballot.encode_codes(tuple(codes)), member=_MEMBER.hex(), first_code="00" * 16)
    file.accept("none any more", ballot.encode_codes(()))
    file.reject("out of order", codec.encode({"codes": codes[::-1]}), "ballot.bad_field")
    file.reject("one twice", codec.encode({"codes": codes[:1] * 2}), "ballot.bad_field")
    file.reject("33", codec.encode({"codes": [bytes([n]) * 32 for n in range(33)]}), "ballot.bad_field")
    file.reject("a code itself", codec.encode({"codes": [_CODE]}), "ballot.bad_field")
    return file.document()


def _confirm() -> Document:
    file = VectorFile("ballot.confirm", "Payloads that confirm a ballot which somebody else recorded.")
    file.accept("by the member's device", ballot.encode_confirm(Confirmation(_PROPOSAL, _MEMBER, _ENTRY)))
    file.accept("with a code", ballot.encode_confirm(Confirmation(_PROPOSAL, _MEMBER, _ENTRY, _CODE)))
    value = codec.decode(ballot.encode_confirm(Confirmation(_PROPOSAL, _MEMBER, _ENTRY)))
    file.reject("a short code", _changed(value, code=b""), "ballot.bad_field")
    file.reject("a short ballot", _changed(value, ballot=b""), "ballot.bad_field")
    return file.document()


def _sign() -> Document:
    file = VectorFile("mandate.sign", "Payloads by which a holder signs on behalf of the group.")
    file.accept("an act", mandate.encode_sign(Signing(_PROPOSAL, _ENTRY, "buy")))
    value = codec.decode(mandate.encode_sign(Signing(_PROPOSAL, _ENTRY, "buy")))
    file.reject("no act", _changed(value, act=""), "mandate.bad_field")
    file.reject("a short mandate", _changed(value, mandate=b""), "mandate.bad_field")
    file.reject("another field", _changed(value, amount=1), "mandate.bad_field")
    return file.document()


def _rule() -> Document:
    file = VectorFile(
        "decision_rule",
        "Rules as kept with a decision: [rule, share, quorum, window_hours, grace_hours, early].",
    )
    majority = ["majority", [1, 2], [1, 2], 72, 48, True]
    file.accept("a majority", codec.encode(majority))
    file.accept("two thirds", codec.encode(["supermajority", [2, 3], [2, 3], 168, 0, False]))
    file.accept("consent without quorum", codec.encode(["consent", [1, 2], [0, 1], 1, 48, False]))
    file.reject(
        "a majority with a share", codec.encode([*majority[:1], [2, 3], *majority[2:]]), "charter.bad_field"
    )
    file.reject("five parts", codec.encode(majority[:5]), "charter.bad_field")
    file.reject("a number as early", codec.encode([*majority[:5], 1]), "charter.bad_field")
    return file.document()


def _election() -> Document:
    file = VectorFile(
        "election",
        "Counts of ranked ballots, [seats, [[[candidate...], members]...]]; candidates are short names here.",
    )
    a, b, c, d = b"a", b"b", b"c", b"d"
    cases: dict[str, codec.Value] = {
        "a majority at once": [1, [[[a, b], 3], [[b], 2]]],
        "the last one is excluded": [1, [[[a], 4], [[b], 3], [[c, b], 2]]],
        "a surplus moves on": [2, [[[a, b], 8], [[c], 3], [[d], 2]]],
        "a surplus in parts of a vote": [2, [[[a, b], 5], [[a, c], 4], [[b], 1], [[c], 2], [[d], 1]]],
        "exhausted ballots": [2, [[[a], 5], [[b], 2], [[c], 1]]],
        "as many seats as candidates": [3, [[[a], 1], [[b], 1]]],
        "a tie of all": [1, [[[a], 2], [[b], 2]]],
        "a tie that the first count decides": [1, [[[a], 5], [[b], 3], [[c], 2], [[d, c], 1]]],
        "several go at once": [1, [[[a], 5], [[b], 4], [[c, b], 1], [[d, b], 1]]],
        "nobody": [1, []],
    }
    for name, value in cases.items():
        file.accept(name, codec.encode(value))
    file.reject("no seats", codec.encode([0, []]), "vector.not_an_election")
    file.reject("a map", codec.encode({}), "vector.not_an_election")
    return file.document()


def _decision() -> Document:
    file = VectorFile("decision", "Rows of closed proposals.")
    row = DecisionRow(
        author=_MEMBER,
        subject="text",
        body_hash=_ENTRY,
        annex=_ANNEX,
        result="passed",
        rule="",
        yes=3,
        no=1,
        abstain=0,
        object=0,
        ranked=0,
        voters=5,
        electorate=_OTHER,
        decided_by=["majority", [1, 2], [1, 2], 72, 48, True],
        counted=_PROPOSAL,
        elected=(),
        answers=(_ENTRY,),
        round=1,
        opened_ms=START_MS,
        opened_height=7,
        deadline_ms=START_MS + 72 * 3600 * 1000,
        closed_ms=START_MS + 120 * 3600 * 1000,
        closed_height=9,
    )
    data = encode_decision(row)
    file.accept("passed", data)
    file.accept("not carried out", encode_decision(replace(row, rule="decision.no_member", annex=None)))
    file.accept("elected", encode_decision(replace(row, subject="council", elected=(_OTHER, _MEMBER))))
    value = codec.decode(data)
    for name, changes in {
        "another result": {"result": "won"},
        "a rule in words": {"rule": "Nobody there"},
        "a negative count": {"yes": -1},
        "more voters than members": {"voters": 1001},
        "a short hash": {"counted": b""},
        "a subject in capitals": {"subject": "TEXT"},
        "a text as elected": {"elected": ["alice"]},
        "an empty annex": {"annex": b""},
        "another field": {"motto": ""},
    }.items():
        file.reject(name, _changed(value, **changes), "decision.bad_field")
    file.reject("another rule of decision", _changed(value, decided_by=[]), "charter.bad_field")
    return file.document()


def _export() -> Document:
    file = VectorFile("decisions_export", "Exports of decisions, as UTF-8, and what counting again gives.")
    assembly, _ = meeting()
    text = write_export(export_of(assembly, WORDS))
    file.accept("a delegation, a circle, an objection, a ballot on paper", text.encode())
    file.reject("cut off", text[: len(text) // 2].encode(), "export.not_json")
    file.reject(
        "a later format", text.replace("decisions/1", "decisions/2").encode(), "export.unknown_format"
    )
    file.reject(
        "decisions that are none", text.replace('"decisions": [', '"others": [').encode(), "export.bad_field"
    )
    return file.document()

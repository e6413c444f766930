"""One target for each decoder: what reads bytes from outside, and what has to hold when it accepts them.

A target either refuses with a rule id or returns a value. Where an encoder exists, encoding the value again
gives the very bytes that came in: one value, one byte string.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2pnode import proving, vocabulary
from p2pnode.consensus import convocation, faults
from p2pnode.consensus import format as agreement
from p2pnode.core import acknowledgement, amount, annex, codec, entry, ids
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.economy import (
    agreement as terms,
)
from p2pnode.economy import (
    batch,
    booking,
    claim,
    commons,
    contribution,
    event,
    importing,
    judging,
    loop,
    metering,
    promising,
    recording,
    sharing,
    things,
    transvestment,
    using,
)
from p2pnode.economy import tables as economy_tables
from p2pnode.exporters import decisions_export
from p2pnode.governance import (
    ballot,
    charter,
    decision,
    decision_rule,
    devices,
    election,
    epoch_key,
    founding,
    inception,
    invitation,
    joining,
    leaving,
    mandate,
    proposal,
    recovering,
    sealed,
    sponsoring,
    voters,
)
from p2pnode.replication import fork, messages, ranges, run
from protocols import join as join_protocol
from protocols import proof as proof_protocol
from protocols import query as query_protocol
from tests.fuzz import proofs, shares


@dataclass(frozen=True)
class Target:
    """A decoder. Shapes: `facts` are derived values, for the vectors; hexadecimal text for bytes."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes] | None = None
    facts: Callable[[Any], dict[str, Any]] = lambda value: {}


def refusal(target: Target, data: bytes) -> str | None:
    """The rule by which a target refuses, or None. Any other exception is a fault of the decoder."""
    try:
        value = target.decode(data)
    except (FormatError, UsageError) as error:
        return error.rule
    assert target.encode is None or target.encode(value) == data, "encoding again gives other bytes"
    return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _read_entry(data: bytes) -> entry.Entry:
    """Read [header, signature, payload or nil]."""
    parts = codec.decode(data)
    if (
        type(parts) is not list
        or len(parts) != 3
        or type(parts[0]) is not bytes
        or type(parts[1]) is not bytes
    ):
        raise FormatError("vector.not_an_entry", "[header, signature, payload or nil]")
    if type(parts[2]) not in (bytes, type(None)):
        raise FormatError("vector.not_an_entry", "[header, signature, payload or nil]")
    return entry.check_alone(*parts)


def _entry_bytes(checked: entry.Entry) -> bytes:
    return codec.encode([checked.header_bytes, checked.signature, checked.payload])


def _header_facts(header: entry.Header) -> dict[str, Any]:
    named = header._asdict()
    named["acks"] = list(header.acks)
    return {name: hexed(value) for name, value in named.items()}


def _void_rule(data: bytes) -> str:
    """Judge [lane, type, payload] by the vocabulary, raising the rule."""
    parts = codec.decode(data)
    if type(parts) is not list or [type(part) for part in parts] != [int, str, bytes]:
        raise FormatError("vector.not_typed", "[lane, type, payload]")
    header = entry.Header(1, bytes(32), bytes(32), parts[0], 0, bytes(32), 0, 0, (), parts[1], 0, bytes(32))
    for _, _, rule in vocabulary.records_of(header, parts[2]):
        if rule is not None:
            raise FormatError(rule)
    return str(parts[1])


def hexed(value: Any) -> Any:
    """A value for JSON, with bytes as hexadecimal text."""
    if isinstance(value, bytes):
        return value.hex()
    return [hexed(item) for item in value] if isinstance(value, list | tuple) else value


def _link_facts(link: invitation.Link) -> dict[str, Any]:
    return {
        "invitation_id": link.invitation.id.hex(),
        "group": link.invitation.group.hex(),
        "seed": link.seed.hex(),
        "addresses": list(link.addresses),
        "name": link.name,
    }


def _read_message(data: bytes) -> messages.Message:
    """Read a frame of the sync protocol with what its columns hold."""
    message = messages.decode_message(data)
    match message:
        case messages.Heads():
            messages.heads_of(message.heads)
        case messages.Wants():
            messages.items_of(message.authors, 32)
        case messages.AnnexWant():
            messages.items_of(message.hashes, 32)
        case messages.Push():
            messages.annexes_of(message)
        case messages.Ranges():
            ranges.Reconciler(()).answer(message.parts)
    return message


def _read_query_answer(data: bytes) -> Any:
    """Read an answer, or the three texts of a peer that declines."""
    try:
        return query_protocol.decode_answer(data)
    except UsageError as declined:
        return [declined.rule, declined.message, declined.remedy]


def _read_proof_answer(data: bytes) -> Any:
    """Read the size of a proof, or the three texts of a peer that declines."""
    try:
        return [proof_protocol.VERSION, proof_protocol.decode_answer(data)]
    except UsageError as declined:
        return [proof_protocol.VERSION, declined.rule, declined.message, declined.remedy]


def _run_facts(runs: list[run.Run]) -> dict[str, Any]:
    rows = [row for one in runs for row in one.rows]
    return {"ids": [row.id.hex() for row in rows], "headers": [row.header.hex() for row in rows]}


def _read_election(data: bytes) -> election.Elected:
    """Count [seats, [[[candidate...], members]...]]."""
    value = codec.decode(data)
    try:
        seats, ballots = value
        rankings = [election.Ranking(tuple(ranked), weight) for ranked, weight in ballots]
        fits = type(seats) is int and 1 <= seats <= 64 and len(rankings) <= 1000
    except (TypeError, ValueError):
        fits, rankings = False, []
    for ranking in rankings:
        fits = fits and type(ranking.weight) is int and 1 <= ranking.weight <= 1000
        fits = fits and all(type(name) is bytes for name in ranking.ranked)
        fits = fits and len(set(ranking.ranked)) == len(ranking.ranked) <= 64
    if not fits:
        raise FormatError("vector.not_an_election", "[seats, [[[candidate...], members]...]]")
    return election.elect(seats, rankings)


def _election_facts(elected: election.Elected) -> dict[str, Any]:
    return {
        "elected": hexed(elected.members),
        "tie": elected.is_tie,
        "rounds": [[hexed(part) for part in step] for step in elected.rounds],
    }


def _export_facts(export: decisions_export.Export) -> dict[str, Any]:
    return {
        "checked": [
            {
                "proposal": checked.proposal_id.hex(),
                "agrees": checked.recount.agrees,
                "counted": checked.recount.count and checked.recount.count.result,
                "proof": checked.proof,
            }
            for checked in decisions_export.recompute(export)
        ]
    }


TARGETS: dict[str, Target] = {
    "codec": Target(codec.decode, codec.encode),
    "header": Target(
        entry.decode_header,
        # Fields of later versions are checked, but not kept (J6).
        facts=_header_facts,
    ),
    "entry": Target(_read_entry, _entry_bytes, lambda checked: {"id": checked.id.hex()}),
    "did": Target(
        lambda data: ids.device_key_of_did(_text(data)),
        lambda key: ids.did_of(key).encode(),
        lambda key: {"key": key.hex()},
    ),
    "peer_id": Target(
        lambda data: ids.device_key_of_peer_id(_text(data)),
        lambda key: ids.peer_id_of(key).encode(),
        lambda key: {"key": key.hex()},
    ),
    "id_text": Target(lambda data: ids.id_of_text(_text(data))),
    "amount": Target(
        lambda data: amount.amount_of_value(codec.decode(data)),
        lambda value: codec.encode(list(value)),
        lambda value: {"text": amount.amount_text(value)},
    ),
    "amount_text": Target(
        lambda data: amount.amount_of_text(_text(data)), facts=lambda value: {"amount": list(value)}
    ),
    "annex": Target(annex.decode_annex),
    "charter": Target(
        lambda data: charter.charter_of_value(codec.decode(data)),
        lambda checked: codec.encode(dict(checked.value)),
    ),
    "charter_toml": Target(
        lambda data: charter.charter_of_toml(_text(data)),
        facts=lambda checked: {"canonical": codec.encode(dict(checked.value)).hex()},
    ),
    "inception": Target(
        lambda data: inception.inception_of_value(codec.decode(data)),
        lambda value: codec.encode(value.value),
        lambda value: {"member_id": value.member_id.hex()},
    ),
    "founding": Target(
        founding.decode,
        lambda value: codec.encode({**value.terms, "signatures": list(value.signatures)}),
        lambda value: {
            "terms_hash": value.terms_hash.hex(),
            "members": [founder.member_id.hex() for founder in value.inceptions],
        },
    ),
    "founding_entry": Target(lambda data: founding.read_founding(_read_entry(data))),
    "invitation": Target(
        lambda data: invitation.invitation_of_value(codec.decode(data)),
        lambda value: codec.encode(value.value),
        lambda value: {"id": value.id.hex()},
    ),
    "link": Target(lambda data: invitation.parse_link(_text(data)), facts=_link_facts),
    "member.join": Target(joining.decode, joining.encode),
    "member.leave": Target(leaving.decode, leaving.encode),
    "member.sponsor": Target(sponsoring.decode, sponsoring.encode),
    "member.recover": Target(recovering.decode, recovering.encode),
    "voter.ready": Target(voters.decode_ready, voters.encode_ready),
    "voter.leave": Target(voters.decode_leave, voters.encode_leave),
    "voter.return": Target(voters.decode_return, lambda _: voters.encode_return()),
    "voter.suspend": Target(voters.decode_suspend, voters.encode_suspend),
    "device.add": Target(devices.decode_add, devices.encode_add),
    "device.revoke": Target(devices.decode_revoke, devices.encode_revoke),
    "device.object": Target(devices.decode_object, devices.encode_object),
    "key.rotate": Target(devices.decode_rotate, devices.encode_rotate),
    "ack": Target(acknowledgement.decode),
    "proposal.open": Target(proposal.decode_open, proposal.encode_open),
    "proposal.withdraw": Target(proposal.decode_withdraw, proposal.encode_withdraw),
    "proposal.answer": Target(proposal.decode_answer, proposal.encode_answer),
    "ballot.cast": Target(ballot.decode_cast, ballot.encode_cast),
    "ballot.delegate": Target(ballot.decode_delegate, ballot.encode_delegate),
    "ballot.codes": Target(ballot.decode_codes, ballot.encode_codes),
    "ballot.confirm": Target(ballot.decode_confirm, ballot.encode_confirm),
    "mandate.sign": Target(mandate.decode_sign, mandate.encode_sign),
    "decision_rule": Target(
        lambda data: decision_rule.rule_of_row(codec.decode(data)), lambda rule: codec.encode(rule.value)
    ),
    "election": Target(_read_election, facts=_election_facts),
    "decision": Target(decision.decode_decision, decision.encode_decision),
    "decisions_export": Target(
        # JSON has many notations of one value.
        lambda data: decisions_export.read_export(_text(data)),
        facts=_export_facts,
    ),
    "sealed": Target(sealed.decode, sealed.encode),
    "epoch.key": Target(epoch_key.decode, epoch_key.encode),
    "batch": Target(
        batch.decode,
        facts=lambda value: {"type": value.type, "records": [item.hex() for item in value.payloads]},
    ),
    "record_name": Target(
        lambda data: batch.record_of_name(_text(data)),
        facts=lambda value: {"entry": value[0].hex(), "index": value[1]},
    ),
    "contribution": Target(contribution.decode, contribution.encode),
    "contribution.claim": Target(claim.decode, claim.encode),
    "event.record": Target(event.decode, event.encode),
    "event.import": Target(importing.decode, importing.encode),
    "meter.install": Target(metering.INSTALL.decode, metering.INSTALL.encode),
    "meter.read": Target(metering.decode_reading, metering.encode_reading),
    "meter.close": Target(metering.CLOSE.decode, metering.CLOSE.encode),
    "distribution": Target(shares.distributed, facts=shares.facts),
    "distribution_row": Target(sharing.decode_run, sharing.encode_run),
    "event_row": Target(economy_tables.event_of_value, facts=lambda row: {"status": row.status}),
    "agreement.propose": Target(
        terms.TERMS.decode, terms.TERMS.encode, lambda read: {"terms_hash": read.hash.hex()}
    ),
    "loop.propose": Target(
        loop.LOOP.decode, loop.LOOP.encode, lambda read: {"items_hash": read.items_hash.hex()}
    ),
    **{
        name: Target(form.decode, form.encode)
        for name, form in (
            ("agent.describe", things.AGENT),
            ("agreement.answer", terms.ANSWER),
            ("agreement.close", terms.CLOSE),
            ("agreement.reduce", terms.REDUCE),
            ("agreement.withdraw", terms.WITHDRAW),
            ("attestation.give", judging.ATTESTATION),
            ("booking.cancel", booking.CANCEL),
            ("booking.make", booking.BOOKING),
            ("claim.close", promising.CLAIM_CLOSE),
            ("claim.raise", promising.CLAIM),
            ("commitment.make", promising.COMMITMENT),
            ("commons.change", commons.CHANGE),
            ("commons.open", commons.OPENING),
            ("commons.role", commons.ROLE),
            ("commitment.release", promising.RELEASE),
            ("event.countersign", recording.COUNTERSIGN),
            ("inflow.record", transvestment.INFLOW),
            ("intent.close", promising.INTENT_CLOSE),
            ("intent.publish", promising.INTENT),
            ("loop.answer", loop.ANSWER),
            ("process.begin", things.PROCESS),
            ("process.finish", things.FINISH),
            ("spec.define", things.SPEC),
            ("thing.mark", booking.MARK),
            ("use.record", using.USE),
            ("use.withdraw", using.WITHDRAWAL),
        )
    },
    "type": Target(_void_rule),
    "block_header": Target(
        agreement.decode_header, agreement.encode_header, lambda header: {"id": header.id.hex()}
    ),
    "block_body": Target(
        agreement.decode_body,
        agreement.encode_body,
        lambda body: {"cut_root": agreement.cut_root(body.cut).hex()},
    ),
    "certificate": Target(
        lambda data: agreement.certificate_of_value(codec.decode(data)),
        lambda value: codec.encode(value.value),
        lambda value: {"hash": value.hash.hex()},
    ),
    "block.vote": Target(agreement.decode_votes, agreement.encode_votes),
    "block.propose": Target(agreement.decode_proposal, agreement.encode_proposal),
    "block.roll": Target(convocation.decode_roll, convocation.encode_roll),
    "block.close": Target(
        convocation.decode_closing,
        convocation.encode_closing,
        lambda closing: {
            "message": convocation.closing_message(bytes(32), 1, closing.height, closing.lock).hex()
        },
    ),
    "block.certificate": Target(agreement.decode_certificate, agreement.encode_certificate),
    "trie_node": Target(proofs.read_node, facts=proofs.node_facts),
    "row_proof": Target(proofs.read_row),
    "snapshot_chunk": Target(proofs.read_chunk, facts=proofs.chunk_facts),
    "final": Target(proofs.read_final, facts=proofs.final_facts),
    "double_vote": Target(faults.decode_double_vote, faults.encode_double_vote),
    "schism": Target(faults.decode_schism, faults.encode_schism, proofs.schism_facts),
    "proof": Target(proving.verify_proof, facts=proofs.proof_facts),
    "proof_from_block": Target(proofs.read_proof_from_block, facts=proofs.proof_facts),
    "run": Target(lambda data: run.decode_runs(data, compressed=False), facts=_run_facts),
    "run_compressed": Target(lambda data: run.decode_runs(data, compressed=True), facts=_run_facts),
    "sync_message": Target(_read_message, facts=lambda message: {"message": type(message).__name__}),
    "join_request": Target(join_protocol.decode_request),
    "join_answer": Target(
        join_protocol.decode_answer, facts=lambda answer: {"entries_that_follow": answer[1]}
    ),
    "query_question": Target(query_protocol.decode_question, codec.encode),
    "query_answer": Target(_read_query_answer),
    "proof_question": Target(proof_protocol.decode_question, proof_protocol.encode_question),
    "proof_answer": Target(_read_proof_answer),
    "fork_proof": Target(
        fork.check_fork_proof,
        lambda proof: fork.encode_fork_proof(*proof.branches),
        lambda proof: {
            "group": proof.group.hex(),
            "author": proof.author.hex(),
            "lane": proof.lane,
            "seq": proof.seq,
        },
    ),
}

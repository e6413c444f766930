"""What a node does when a group's chain says what follows: it signs, writes, commits, and tells people.

The chain itself writes nothing (`chain.py`); this is the part of `node.py` that acts for it, one group at a
time, inside one batch of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.chain import branches, past
from p2pnode.chain.duties import items_due
from p2pnode.chain.later_rules import note_of
from p2pnode.chain.report import report_of
from p2pnode.chain.schism import SETTING, encode_found
from p2pnode.chain.step import Step
from p2pnode.core.errors import UsageError
from p2pnode.core.events import (
    AgreeToClose,
    Alert,
    Append,
    ChainAsked,
    Effect,
    ForkFound,
    HeardOut,
    Item,
    Penalize,
    PresenceHeard,
    PresenceTold,
    Reply,
    WakeAt,
)
from p2pnode.core.presence import RELAYS_MAX, is_presence_signed, sign_presence
from p2pnode.replication.fork import check_fork_proof

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog
    from p2pnode.node import Node

STEPS_MAX = 64
"""How often a chain goes on in one batch of events before others have their turn."""

RETRY_MS = 10_000
"""When to try again what could not be signed."""


def decide(node: Node, log: GroupLog, now_ms: int) -> list[Effect]:
    """Go on with a group's chain until nothing follows at once."""
    if log.level.resting_until_ms > now_ms:
        return [WakeAt(log.level.resting_until_ms)]
    effects: list[Effect] = []
    for _ in range(STEPS_MAX):
        may_sign = node.refusal(log, now_ms, is_voting=True) is None and node.key.public not in log.forked
        may_sign = may_sign and log.level.is_level
        log.chain.company.meet(node.present, now_ms)
        present = log.chain.company.present(now_ms)
        effects += past.follow(log)
        step = log.chain.step(now_ms, present, may_sign=may_sign)
        if step.final is not None:
            with log.change(durable=False) as change:
                change.commit(step.final)
            effects += node.effects_of(log, change)
        has_learned = bool(step.proofs or step.follow or step.leave)
        if has_learned or step.headers or step.schism is not None:
            effects += _learn(node, log, step)
        effects += _told(log, step)
        items = step.items
        if step.final is not None:
            items = items_due(log) if may_sign else []
        if step.suspension is not None and step.fresh is not None:
            effects += _write(node, log, [step.suspension], now_ms)
            log.chain.blocks.has_suspension = True
            items = [*items, *log.chain.propose(step.fresh)]
        if items:
            done = _write(node, log, items, now_ms)
            effects += done
            if any(isinstance(effect, Reply) and effect.error is not None for effect in done):
                log.chain.begin_again()
                return [*effects, WakeAt(now_ms + RETRY_MS)]
        if log.chain.blocks.is_busy:
            return [*effects, WakeAt(now_ms)]
        if not items and step.final is None and not has_learned:
            if step.wake_at_ms is not None:
                effects.append(WakeAt(step.wake_at_ms))
            return [*effects, *_say_present(node, log, now_ms)]
    return [*effects, WakeAt(now_ms)]


def _write(node: Node, log: GroupLog, items: list[Item], now_ms: int) -> list[Effect]:
    return node.append_all(log.group, [Append(None, log.group, tuple(items))], now_ms)


def _learn(node: Node, log: GroupLog, step: Step) -> list[Effect]:
    """Take the forks that a block shows, and the branches that a quorum has ordered beyond forks."""
    found: list[ForkFound] = []
    with log.change() as change:
        for encoded in step.proofs:
            proof = check_fork_proof(encoded)
            if change.seal(encoded, proof):
                found.append(ForkFound(log.group, proof.author, encoded))
        for author, number in step.leave:
            branches.leave(change, author, number)
        for place in step.follow:
            branches.follow(change, place)
        for header_id in step.headers:
            change.want_annex(header_id)
        if step.schism is not None:
            change.transaction.put_setting(SETTING, encode_found(step.schism))
    effects = node.effects_of(log, change)
    for fork in found:
        effects += [fork, *own_fork(node, log, fork.author)]
    return effects


def _told(log: GroupLog, step: Step) -> list[Effect]:
    """What a person has to know, or to agree to, before the group can go on."""
    effects: list[Effect] = []
    if step.asks is not None:
        message = (
            "too few voters answer to decide anything; those who are here may convene a second time and"
            " decide without the silent ones, if you agree"
        )
        facts = {
            "group": log.group.hex(),
            "height": str(log.chain.height.height),
            "answered": ",".join(member.hex() for member in step.asks.answered),
            "silent": ",".join(member.hex() for member in step.asks.silent),
        }
        effects.append(Alert("convocation.asked", message, facts))
    if log.chain.blocks.later_version and not log.chain.has_told_rules:
        log.chain.has_told_rules = True
        with log.change(durable=False) as change:
            change.transaction.put_setting(*note_of(log.chain.tip.height, log.chain.blocks.later_version))
        message = (
            "the group follows rules that this version of the program does not know: this node keeps what is"
            " written, passes it on and writes, but does not vote and shows what was decided before only"
        )
        effects.append(Alert("rules.later", message, {"group": log.group.hex()}))
    if step.schism is not None:
        message = (
            "two different blocks of one height are final: nothing is ordered any more until the members have"
            " settled it; writing goes on"
        )
        facts = {
            "group": log.group.hex(),
            "height": str(step.schism.height),
            "blocks": ",".join(block.hex() for block in step.schism.blocks),
            "culprits": ",".join(member.hex() for member in step.schism.culprits),
        }
        effects.append(Alert("chain.schism", message, facts))
    return effects


def own_fork(node: Node, log: GroupLog, author: bytes) -> list[Effect]:
    """A word to the person whose own key was used twice."""
    if author != node.key.public:
        return []
    message = (
        "this device's key signed two different entries in one place; it must not sign in this group again"
    )
    return [Alert("key.forked", message, {"group": log.group.hex()})]


def take(
    node: Node, event: ChainAsked | AgreeToClose | HeardOut | PresenceHeard, now_ms: int
) -> list[Effect]:
    """A person's question or word, or that this node has heard a peer out, or that somebody is there."""
    if isinstance(event, ChainAsked | AgreeToClose):
        return [answer(node, event)]
    log = node.logs.get(event.group)
    if log is None:
        return []
    if isinstance(event, PresenceHeard):
        return _hear_presence(log, event, now_ms)
    log.chain.company.hear_out(event.peer)
    log.chain.is_stirred = True
    return []


def _hear_presence(log: GroupLog, event: PresenceHeard, now_ms: int) -> list[Effect]:
    """Somebody is there: count it, and hand it on."""
    presence, company = event.presence, log.chain.company
    if presence.key not in log.chain.voting_keys:
        return []
    if not company.is_news(presence, now_ms, log.chain.height.delta_ms):
        return []
    if not is_presence_signed(log.group, presence):
        return [Penalize(event.peer, "presence.bad_signature")]
    company.note(presence, now_ms, log.chain.height.delta_ms)
    log.chain.is_stirred = True
    if event.relays >= RELAYS_MAX:
        return []
    return [PresenceTold(log.group, event.relays + 1, presence)]


def _say_present(node: Node, log: GroupLog, now_ms: int) -> list[Effect]:
    """Say that this voter is there while something waits for a decision, so that timers run (R6, J33)."""
    chain = log.chain
    since_ms, delta_ms = chain.height.work_since_ms, chain.height.delta_ms
    chain.company.note_entries(log.changed)
    at_ms = None if since_ms is None else chain.company.says_at_ms(since_ms, delta_ms)
    if since_ms is None or at_ms is None:
        return []
    effects: list[Effect] = []
    if at_ms <= now_ms:
        chain.company.note_said(now_ms)
        effects.append(PresenceTold(log.group, 0, sign_presence(node.key, log.group, now_ms)))
        at_ms = chain.company.says_at_ms(since_ms, delta_ms) or now_ms
    chain.wake_at_ms = at_ms if chain.wake_at_ms is None else min(at_ms, chain.wake_at_ms)
    return [*effects, WakeAt(at_ms)]


def answer(node: Node, event: ChainAsked | AgreeToClose) -> Reply:
    """How a chain stands, or a person's word for a second convocation.

    Errors: UsageError group.unknown, convocation.not_asked.
    """
    log = node.logs.get(event.group)
    report = report_of(log)
    if log is None or isinstance(event, ChainAsked):
        return Reply(event.request, report)
    if log.chain.asked is None:
        raise UsageError(
            "convocation.not_asked",
            "this group needs no second convocation now, or has waited too short a time for it",
            "see what the next block waits for: p2pnode why GROUP",
        )
    log.chain.asked = None
    log.chain.height.agree_to_close()
    log.chain.is_stirred = True
    return Reply(event.request, report)

"""What the rules of giving and taking mean for people, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from p2pnode.service.commons_rules import COMMONS_RULES

_STOCK = "p2pnode stock shows what there is, whose it is and in which unit"
_AGREE = "p2pnode agree list shows each agreement and its state"
_METERS = "p2pnode meter list shows them"
_PROMISES = "p2pnode promise list shows what was promised"
_RUNS = "p2pnode distribute list shows each run and its blocks"
_RECORDS = "p2pnode record list shows the ids"
_LOOPS = "p2pnode loops shows each of them and its state"
_FIND = "p2pnode loops find shows what can be set off now"

ECONOMY_RULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **COMMONS_RULES,
        "event.no_such_agent": ("who gives or takes is nobody whom the group knows", "p2pnode members"),
        "event.bad_lesson": (
            "what is taught or learned is work, or a service, that has a name",
            'for example: p2pnode record work 2h "bicycle repair" --lesson taught --to Bob',
        ),
        "event.not_yours": ("neither you nor the group has a part in it", "the people it names record it"),
        "event.too_many_waiting": (
            "five hundred records of yours wait for others to sign",
            "ask them: p2pnode record list shows for whom each waits",
        ),
        "event.corrects_nothing": ("there is no standing record to be corrected", _RECORDS),
        "event.corrects_correction": ("a correction cannot be corrected", "correct the first record again"),
        "event.corrects_another": (
            "a correction repeats the record with the difference alone",
            "p2pnode record correct ENTRY AMOUNT does it for you",
        ),
        "event.departed": (
            "the other side has gone and cannot sign; alone one may only say that one gave less or took more",
            "the group decides: p2pnode propose dispute RECORD --strike",
        ),
        "event.corrects_too_much": ("more would be taken back than was recorded", _RECORDS),
        "skills.nothing_final": (
            "no block has ordered any work of yours that has a name, so there is nothing to carry away",
            "record some, or wait for the next block: p2pnode status tells what it waits for",
        ),
        "import.duplicate": ("the same row was brought in before", "nothing: it is recorded"),
        "meter.other_receiver": (
            "what a meter produces goes to the group or to nobody: anybody else would have to sign each time",
            "leave it out, or write --to group",
        ),
        "meter.bad_receiver": (
            "only what is produced goes to somebody",
            "leave out --to, or install it as produce",
        ),
        "meter.unknown": ("there is no such meter", _METERS),
        "meter.known": ("you have a meter of that name", "give this one another name, or close that one"),
        "meter.too_many": ("a hundred meters of yours are open", "close some: p2pnode meter close NAME"),
        "meter.no_such_member": ("who shall read it is no member", "p2pnode members"),
        "meter.not_yours": (
            "only the holder of a meter, and whom the holder named, sends its readings",
            "the holder installs it with --reader NAME",
        ),
        "meter.closed": ("the meter is closed", _METERS),
        "meter.in_future": ("it was read later than now", "look at the time zone and the clock"),
        "meter.taken_twice": ("this interval was read before", "nothing: it is recorded"),
        "meter.overlap": (
            "it covers a part of an interval that was read before",
            "readings follow each other in the interval of the meter; p2pnode meter shows it",
        ),
        "meter.gap": (
            "readings before it are missing",
            "bring the missing ones first, or say that they are lost: --gaps",
        ),
        "meter.negative_flow": (
            "what flows is never below zero",
            "what flows the other way has a meter of its own",
        ),
        "meter.counter_reset": (
            "the counter shows less than before",
            "if it was changed or began again, say so: resets = true in the mapping",
        ),
        "resource.unknown": ("there is no such thing here", _STOCK),
        "resource.too_little": ("there is not so much of it", _STOCK),
        "resource.other_unit": ("it is counted in another unit", _STOCK),
        "resource.other_kind": ("that is another kind of thing", _STOCK),
        "resource.not_accountable": ("it belongs to somebody else", _STOCK),
        "resource.not_custodian": ("it neither belongs to who gives it, nor is it there", _STOCK),
        "resource.other_accountable": ("what arrives there belongs to somebody else", _STOCK),
        "resource.inside_itself": ("nothing stands inside itself", _STOCK),
        "resource.too_deep": ("things stand inside each other eight deep at most", _STOCK),
        "spec.unknown": ("nobody defined such a kind of thing", "p2pnode kind list"),
        "process.unknown": ("there is no such process", "p2pnode process list"),
        "process.finished": ("the process is over", "p2pnode process begin NAME starts another"),
        "process.not_yours": ("only who began a process ends it", "p2pnode process list"),
        "intent.unknown": ("there is no such offer or need", "p2pnode feed"),
        "intent.closed": ("the offer or need is closed", "p2pnode feed shows what is open"),
        "intent.not_yours": ("only who published it closes it", "p2pnode feed"),
        "intent.other_side": ("that offer or need is somebody else's", "p2pnode feed"),
        "intent.something_else": ("the offer or need is about something else", "p2pnode feed"),
        "intent.other_unit": ("it is offered in another unit", "p2pnode feed"),
        "intent.taken": ("others have taken it up before, or there is less of it", "p2pnode feed"),
        "commitment.no_such_agent": ("who promises or receives is nobody we know", "p2pnode members"),
        "commitment.not_yours": (
            "nobody promises for another",
            "publish what you need: p2pnode need AMOUNT WHAT",
        ),
        "commitment.unknown": ("there is no such promise", _PROMISES),
        "commitment.closed": ("the promise was given back, or its agreement is over", _PROMISES),
        "commitment.other_parties": ("the promise is between others", _PROMISES),
        "commitment.something_else": ("something else was promised", _PROMISES),
        "commitment.other_unit": ("it was promised in another unit", _PROMISES),
        "commitment.other_agreement": ("the promise belongs to another agreement", _PROMISES),
        "commitment.in_agreement": ("it is a clause of an agreement", "p2pnode agree close ends it"),
        "commitment.receiver_releases": (
            "who should receive gives a promise back",
            "ask them to run p2pnode promise release",
        ),
        "claim.unknown": ("there is no such open claim", "p2pnode claim list"),
        "claim.closed": ("the claim is settled or taken back", "p2pnode claim list"),
        "claim.not_yours": ("only who claims takes it back", "p2pnode claim list"),
        "claim.no_event": ("a claim follows from a standing record", _RECORDS),
        "claim.no_such_agent": ("nobody whom the group knows is asked", "p2pnode members"),
        "claim.not_a_party": ("only the two of the record claim from each other", _RECORDS),
        "claim.other_parties": ("the claim is between others", "p2pnode claim list"),
        "claim.other_unit": ("it is claimed in another unit", "p2pnode claim list"),
        "countersign.unknown": ("there is no such record", "p2pnode sign shows what waits for you"),
        "countersign.not_waiting": ("nobody's signature is missing", "p2pnode sign shows what waits for you"),
        "countersign.not_asked": ("it does not wait for you", "p2pnode sign shows what waits for you"),
        "countersign.other_mandate": ("others sign it by another mandate", "p2pnode mandate list"),
        "attestation.no_event": ("only what stands is judged", _RECORDS),
        "attestation.own": ("others judge what you gave", "ask somebody who knows the work"),
        "attestation.correction": ("the record is judged, not its correction", _RECORDS),
        "dispute.no_event": ("there is no such record to decide about", _RECORDS),
        "dispute.correction": ("the record is decided about, not its correction", _RECORDS),
        "distribution.unknown_rule": (
            "the charter has no such rule for sharing",
            "p2pnode distribute rules shows those there are; p2pnode propose amend adds one",
        ),
        "distribution.unknown": ("there is no such run", _RUNS),
        "distribution.bad_range": (
            "no final blocks lie in that time, or all of them are shared out already",
            _RUNS,
        ),
        "distribution.shared_already": ("some of those blocks are shared out already", _RUNS),
        "distribution.nothing_to_share": (
            "nothing came in that could be shared, as far as blocks have ordered it",
            "p2pnode distribute preview UNIT shows what is counted, and what waits for a block",
        ),
        "distribution.other_result": (
            "what the proposal says is not what the rule gives here",
            "p2pnode distribute preview shows what it gives; vote no, and propose it again",
        ),
        "distribution.beyond_cap": (
            "less may flow back to outside money than when the run was proposed",
            "p2pnode transvest list shows what is left; propose the run again",
        ),
        "distribution.not_final": (
            "no block has ordered that run yet",
            "leave the node running until voters are reachable: p2pnode peers",
        ),
        "agreement.unknown": ("there is no such agreement", _AGREE),
        "agreement.no_such_member": ("a party is no member", "p2pnode members"),
        "agreement.not_a_party": ("only its parties do that, and all of them are members", _AGREE),
        "agreement.not_yours": ("only who wrote it does that", _AGREE),
        "agreement.past_end": ("its end is in the past", "propose it with a later end, or with none"),
        "agreement.one_sided": (
            "every party of an agreement gives something",
            "say that it is a gift: --gift",
        ),
        "agreement.proposed_already": (
            "the same terms are proposed already, or in force",
            "accept those: p2pnode agree accept NAME; if you mean one more, give it another name",
        ),
        "agreement.too_many": ("two hundred agreements of yours are open", "close or withdraw some"),
        "agreement.expired": ("its time for answers is over", "propose it again"),
        "agreement.declined": ("somebody has declined it", "propose other terms"),
        "agreement.withdrawn": ("it was taken back", "ask who proposed it"),
        "agreement.closed": ("it is over", _AGREE),
        "agreement.answered": ("you have signed it, or all have", _AGREE),
        "agreement.in_force": ("all have signed it", "p2pnode agree close ends it"),
        "agreement.not_in_force": ("it is not in force", _AGREE),
        "agreement.other_terms": ("those are other terms than the proposed ones", _AGREE),
        "agreement.no_such_clause": ("it has no such clause", "p2pnode agree show NAME"),
        "agreement.other_unit": ("the clause is in another unit", "p2pnode agree show NAME"),
        "agreement.no_shared_risk": ("its parties share no risk", "agree on other terms, or close it"),
        "agreement.beyond_risk": (
            "that is less than the parties agreed to bear together",
            "agree on other terms, or close it",
        ),
        "agreement.no_reduction": ("that is no less than promised, or less than was given", _AGREE),
        "loop.unknown": ("there is no such loop", _LOOPS),
        "loop.not_found": ("what was found has changed, or nothing like it can be set off", _FIND),
        "loop.unknown_promise": ("there is no such promise or claim", _PROMISES),
        "loop.promised_to_nobody": ("a promise that names nobody is owed to nobody", _PROMISES),
        "loop.gift": ("a gift is owed by nobody, so it cannot be set off", _AGREE),
        "loop.no_such_member": ("somebody in it is no member any more", _FIND),
        "loop.other_unit": ("one loop sets off amounts of one unit", _FIND),
        "loop.promise_changed": ("less of a promise is open than would be set off", _FIND),
        "loop.unbalanced": ("somebody would give up more than they are relieved of, or less", _FIND),
        "loop.too_many_parties": ("a hundred people are in one loop at most", _FIND),
        "loop.too_many": ("fifty loops that you proposed are open", "take some back: p2pnode loops decline"),
        "loop.proposed_already": ("just this is proposed already", "sign that one: p2pnode loops accept"),
        "loop.not_a_party": ("you are not in this loop", _LOOPS),
        "loop.answered": ("you have signed it", "p2pnode loops shows whose signature is missing"),
        "loop.settled": ("all have signed, and it was carried out", _LOOPS),
        "loop.declined": ("somebody in it has declined it", _FIND),
        "loop.withdrawn": ("it was taken back", _FIND),
        "loop.expired": ("its time for answers is over", "propose it again: p2pnode loops propose"),
        "loop.void": ("a promise in it changed before all had signed, so nothing was set off", _FIND),
        "figures.bad_month": ("that is no month", "write the year and the month: 2026-11"),
        "figures.too_many": (
            "the group has more different sums of contributions than figures are made of",
            "p2pnode export valueflows gives everything to a program that counts",
        ),
        "agreement.frozen": (
            "a balance would leave the limits that its party chose",
            "give something the other way first, or record it outside the agreement as a gift",
        ),
    }
)
"""What a rule means, and what to do."""

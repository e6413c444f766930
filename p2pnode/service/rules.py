"""What stable rule ids mean for people, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from p2pnode.core.errors import UsageError
from p2pnode.service.economy_rules import ECONOMY_RULES

RULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **ECONOMY_RULES,
        "lane.fork": (
            "two different entries were signed in one place of a lane; the key is sealed, its owner joins "
            "with a new one",
            "",
        ),
        "lane.fault": (
            "an entry's depth or time does not follow from what it names; the lane ends there on every node",
            "",
        ),
        "lane.gap": ("entries before this one are not here yet; they are asked for", ""),
        "entry.future": (
            "the author's clock is more than ten minutes ahead; the entry is taken when its time has come",
            "",
        ),
        "entry.missing_past": ("something that the entry names is not here yet", ""),
        "entry.bad_signature": (
            "a signature does not verify; who sent the entry alone answers for it",
            "",
        ),
        "author.unknown": ("nothing here says that the author belongs to the group", ""),
        "newcomer.quota": ("a newcomer may write 64 entries until the group has admitted them", ""),
        "restore.unconfirmed": (
            "this home was restored, copied or moved; a member must first confirm where our log ends, so "
            "that nothing is signed twice",
            "leave the node running until a member is reachable",
        ),
        "level.other_history": (
            "history, run again on this node, does not give what the group decided; it shows what was "
            "decided and does not vote",
            "upgrade p2pnode; if that does not help, show its log to those who write the program",
        ),
        "rules.later": (
            "the group decided to go on by rules that this version of the program does not know; it keeps "
            "and passes on what is written, and neither executes nor votes",
            "upgrade p2pnode, and start it again",
        ),
        "level.unchecked": (
            "a block has ordered it; whether it holds is known here once history before the snapshot was run "
            "again",
            "leave the node running until a member is reachable",
        ),
        "level.gone": ("the snapshot that was asked for is not kept any more; a newer one is taken", ""),
        "clock.ahead": (
            "this machine's clock is more than ten minutes ahead of its peers",
            "set the clock, then run p2pnode down and p2pnode up",
        ),
        "clock.unconfirmed": (
            "nobody was heard for thirty days and the clock moved far beyond the last entry",
            "set the clock, then run p2pnode down and p2pnode up; if it is right, start once by "
            "P2PNODE_SIGN_CONFIRM=true p2pnode up",
        ),
        "invite.expired": (
            "the invitation's time was over when the group decided",
            "ask a member for a new one",
        ),
        "invite.spent": ("the invitation was used as often as it allows", "ask a member for a new one"),
        "import.duplicate": ("an earlier claim of the same commit stands", ""),
        "type.unknown": (
            "this version does not know the type; the entry is kept, passed on and executed after an upgrade",
            "upgrade p2pnode",
        ),
        "join.needs_sponsors": (
            "the charter asks for sponsors: members have to speak for the newcomer",
            "members run: p2pnode members sponsor NAME; or all decide: p2pnode propose admit NAME",
        ),
        "join.inviter_away": (
            "the inviter has not been reached since; this node keeps trying",
            "leave the node running, and ask the inviter to run theirs, or another member for a new link",
        ),
        "join.needs_decision": (
            "the charter asks for a decision about each newcomer",
            "a member runs: p2pnode propose admit NAME",
        ),
        "member.not_one": (
            "this device speaks for no member of the group",
            "p2pnode why GROUP tells how you stand; a member can invite you: p2pnode invite",
        ),
        "member.parted": (
            "members have shown that this device writes no more in the group: while it was away, its member "
            "left or was removed, or its key was struck",
            "p2pnode why GROUP tells how you stand; a member can invite you: p2pnode invite",
        ),
        "sponsor.no_petition": (
            "no newcomer of that name waits for sponsors",
            "p2pnode members shows who waits, and for what",
        ),
        "sponsor.twice": ("you have spoken for this newcomer already", "another member has to"),
        "proposal.no_member": (
            "only members in good standing propose",
            "p2pnode why GROUP tells how you stand",
        ),
        "proposal.unknown_subject": (
            "neither the charter nor this version has a rule for this subject",
            "p2pnode charter show lists the subjects; p2pnode propose amend gives the group a new one",
        ),
        "proposal.unknown_role": (
            "the charter has no such role",
            "p2pnode charter show lists the roles; p2pnode propose amend adds one",
        ),
        "proposal.no_cause": (
            "whoever is to be removed or suspended is told why, and answers it",
            'say it in words: --why "..."',
        ),
        "proposal.no_petition": ("no newcomer of that name waits", "p2pnode members shows who waits"),
        "proposal.no_mandate": (
            "there is no such mandate",
            "p2pnode mandate list shows those that are in force",
        ),
        "proposal.no_such_member": ("somebody named is no final member", "p2pnode members shows who is"),
        "proposal.too_many": (
            "too many proposals are open",
            "wait until some are decided, or withdraw one: p2pnode propose withdraw PROPOSAL",
        ),
        "proposal.nobody_votes": ("nobody but the person concerned could vote", ""),
        "charter.fixed": ("this setting cannot change in an existing group", "found a new group with it"),
        "ballot.no_open_proposal": (
            "that proposal is not open",
            "p2pnode decisions shows what is",
        ),
        "ballot.not_entitled": (
            "who may vote was fixed when the proposal opened, and this member is not among them",
            "p2pnode decisions show PROPOSAL tells who may vote",
        ),
        "ballot.late": ("the time for ballots is over", "p2pnode decisions show PROPOSAL tells the result"),
        "ballot.wrong_choice": (
            "an election takes a ranking, every other proposal takes yes, no, abstain or object",
            "p2pnode vote PROPOSAL --rank NAME --rank NAME",
        ),
        "ballot.no_candidate": (
            "somebody ranked is no candidate",
            "p2pnode decisions show PROPOSAL lists the candidates",
        ),
        "ballot.needs_reason": (
            "an objection says why",
            'p2pnode vote PROPOSAL object --reason "what would have to change"',
        ),
        "ballot.consent_needs_reason": (
            "where the group decides by consent, a plain no would neither stop it nor help it",
            'say why: p2pnode vote PROPOSAL object --reason "what would have to change"',
        ),
        "ballot.to_oneself": ("the vote is yours already", "name somebody else"),
        "ballot.unknown_subject": (
            "the charter has no such subject",
            "p2pnode charter show lists the subjects",
        ),
        "ballot.recorded_for_oneself": ("this is your own ballot", "vote without --for"),
        "ballot.nothing_to_confirm": (
            "nobody has recorded a ballot that waits to be confirmed",
            "p2pnode vote PROPOSAL yes casts an own one",
        ),
        "ballot.needs_code": (
            "a ballot of somebody else is confirmed with one of that person's codes",
            "add --code CODE from the person's paper",
        ),
        "ballot.too_many_recorded": (
            "one member records ballots for so many others only",
            "another member records it; p2pnode charter show tells for how many (recorded_ballots_max)",
        ),
        "ballot.wrong_code": (
            "that code is not on the newest sheet of this member, or was used already",
            "take the next code of the sheet; p2pnode codes makes a new one on a device of theirs",
        ),
        "ballot.no_member": (
            "only members in good standing vote",
            "p2pnode why GROUP tells how you stand",
        ),
        "ballot.no_such_member": (
            "somebody named is no member in good standing",
            "p2pnode members shows who is",
        ),
        "mandate.unknown": ("there is no such mandate, or it was taken back", "p2pnode mandate list"),
        "mandate.withdrawn": ("the mandate was taken back already", ""),
        "mandate.no_holder": (
            "only who holds the mandate signs by it",
            "p2pnode mandate list tells who holds it",
        ),
        "mandate.over": (
            "the time of the mandate is over",
            "the group can give a new one: p2pnode propose mandate --help",
        ),
        "mandate.other_act": (
            "the mandate does not cover that",
            "p2pnode mandate list tells in what it may be used",
        ),
        "mandate.signed_as_other_act": (
            "others have signed the entry as another act",
            "p2pnode mandate list tells as which",
        ),
        "mandate.no_member": ("a holder was no member in good standing any more", ""),
        "withdraw.no_proposal": ("that proposal is not open", "p2pnode decisions shows what is"),
        "withdraw.not_the_author": (
            "only whoever proposed it can withdraw it",
            "vote, or talk with the author",
        ),
        "answer.no_proposal": ("that proposal is not open", "p2pnode decisions shows what is"),
        "answer.not_concerned": (
            "the proposal is not about you",
            "p2pnode vote PROPOSAL says what you think",
        ),
        "voter.no_voter": ("you do not vote on blocks now", "p2pnode members shows who does"),
        "voter.not_away": ("your voting role does not rest", "p2pnode members shows who votes on blocks"),
        "voter.suspended": (
            "a suspended member does not vote on blocks",
            "wait until the suspension is over",
        ),
        "voter.council": (
            "a council votes on blocks in this group",
            "the next election of the council decides who is in it",
        ),
        "voter.no_quorum": (
            "the others could not decide without you",
            "add --lying-voters N: how many faulty voters the rest shall survive",
        ),
        "device.not_yours": ("that is no device of yours", "p2pnode device list shows yours"),
        "device.not_active": ("that device does not speak for you any more", "p2pnode device list"),
        "device.known": ("that device belongs to somebody in this group already", ""),
        "device.too_many": ("a member has at most eight devices", "revoke one: p2pnode device revoke DEVICE"),
        "device.no_member": (
            "your own admission is not final yet",
            "wait for the next block: p2pnode status",
        ),
        "device.bad_signature": (
            "the new device signed for another member or group",
            "run p2pnode device accept on it again with a new text of p2pnode device invite",
        ),
        "device.pending": ("somebody revokes that device already", "p2pnode device list tells until when"),
        "device.nothing_pending": (
            "nothing waits for an objection",
            "p2pnode device list shows what would",
        ),
        "device.not_voting": (
            "only the device that votes hands the vote on",
            "run it on the voting device: p2pnode device list",
        ),
        "recover.no_member": ("there is no such member in the group", "ask a member for a new file"),
        "recover.known_device": (
            "this device belongs to somebody in the group already",
            "recover on a new one: p2pnode --profile NAME up",
        ),
        "recover.bad_key": (
            "that is not the recovery phrase of this member",
            "look for the paper of the identity with which you joined, or of your last recovery",
        ),
        "recover.pending": (
            "somebody recovers this member already",
            "wait; if it was not you, object on an old device: p2pnode device object",
        ),
        "convocation.asked": (
            "so many voters are silent that the group cannot decide; it can be convened a second time",
            "p2pnode group convene NAME --yes",
        ),
        "decision.no_member": ("the person is no member in good standing any more", ""),
        "decision.no_quorum": ("so few voters could not survive so many faulty ones", ""),
        "decision.role_is_taken": ("others hold the role, and the charter wants no more of them", ""),
    }
)
"""What a rule means, and what to do; an empty text where there is nothing to be done."""


def refusal(rule: str) -> UsageError:
    """The error by which a rule stops something before it is written."""
    message, remedy = RULES.get(
        rule, (f"the rule {rule} does not allow it", "p2pnode charter show tells the group's rules")
    )
    return UsageError(rule, message, remedy)

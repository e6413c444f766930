"""The API's routes: each reads a request, calls one method of the service, and answers what it returns."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response

from p2pnode.core.limits import COUNTER_MAX
from p2pnode.local import requests as body
from p2pnode.local import shapes as shape
from p2pnode.local.answer import Answer
from p2pnode.local.events import EventStream
from p2pnode.local.requests import LOG_ROWS_MAX, Word
from p2pnode.local.service import Service as NodeService

routes = APIRouter(default_response_class=Answer)


async def _service(request: Request) -> NodeService:
    return cast(NodeService, request.app.state.service)


Service = Annotated[NodeService, Depends(_service)]


def answers(model: Any) -> dict[int | str, dict[str, Any]]:
    """The schema, for the documentation alone: our own answers are not checked a second time."""
    return {200: {"model": model, "description": "Done"}}


@routes.get("/status", responses=answers(shape.Status))
async def status(service: Service) -> Any:
    return await service.status()


@routes.get("/groups", responses=answers(list[shape.GroupSummary]))
async def groups(service: Service) -> Any:
    return await service.groups()


@routes.get("/group", responses=answers(shape.GroupDetail))
async def group(service: Service, group: Word) -> Any:
    return await service.group(group)


@routes.post("/groups", responses=answers(shape.GroupDetail))
async def found_group(service: Service, request: body.Founding) -> Any:
    return await service.found_group(request.name, request.template, request.my_name, request.charter)


@routes.post("/foundings/offer", responses=answers(shape.FounderOffer))
async def offer_founding(service: Service, request: body.OfferRequest) -> Any:
    return await service.offer_founding(request.my_name)


@routes.post("/foundings/draft", responses=answers(shape.FoundingDraft))
async def draft_founding(service: Service, request: body.FoundingTogether) -> Any:
    offers = [cast(shape.FounderOffer, offer.model_dump()) for offer in request.offers]
    return await service.draft_founding(
        request.name, request.template, request.my_name, request.charter, offers
    )


@routes.post("/foundings/read", responses=answers(shape.FoundingTerms))
async def read_founding(service: Service, request: body.DraftRequest) -> Any:
    return await service.read_founding(cast(shape.FoundingDraft, request.draft.model_dump()))


@routes.post("/foundings/sign", responses=answers(shape.FoundingDraft))
async def sign_founding(service: Service, request: body.DraftRequest) -> Any:
    return await service.sign_founding(cast(shape.FoundingDraft, request.draft.model_dump()))


@routes.post("/foundings/open", responses=answers(shape.FoundingDraft))
async def open_founding(service: Service, request: body.DraftsRequest) -> Any:
    drafts = [cast(shape.FoundingDraft, draft.model_dump()) for draft in request.drafts]
    return await service.open_founding(drafts)


@routes.get("/charter", responses=answers(shape.CharterDetail))
async def charter(service: Service, group: Word) -> Any:
    return await service.charter(group)


@routes.get("/waiting", responses=answers(shape.Waiting))
async def waiting(service: Service, group: Word) -> Any:
    return await service.waiting(group)


@routes.post("/convocations", responses=answers(shape.Waiting))
async def convene(service: Service, request: body.GroupRequest) -> Any:
    return await service.convene(request.group)


@routes.post("/sponsors", responses=answers(shape.Written))
async def sponsor(service: Service, request: body.SponsorRequest) -> Any:
    return await service.sponsor(request.group, request.newcomer)


@routes.post("/invitations", responses=answers(shape.Invited))
async def invite(service: Service, request: body.InvitationRequest) -> Any:
    return await service.invite(request.group, request.uses, request.expires_ms)


@routes.post("/joins", responses=answers(shape.Joined))
async def join(service: Service, request: body.JoinRequest) -> Any:
    return await service.join(request.link, request.my_name)


@routes.get("/members", responses=answers(list[shape.MemberRow]))
async def members(service: Service, group: Word) -> Any:
    return await service.members(group)


@routes.post("/departures", responses=answers(shape.Left))
async def leave(service: Service, request: body.Departure) -> Any:
    return await service.leave_group(request.group, request.delete)


@routes.post("/proposals", responses=answers(shape.Written))
async def propose(service: Service, request: body.ProposalRequest) -> Any:
    return await service.propose(request.group, request.subject, request.body, request.title, request.text)


@routes.post("/ballots", responses=answers(shape.Written))
async def vote(service: Service, request: body.BallotRequest) -> Any:
    return await service.vote(
        request.group, request.proposal, request.choice, request.ranked, request.reason, request.member
    )


@routes.post("/ballots/confirm", responses=answers(shape.Written))
async def confirm_ballot(service: Service, request: body.ConfirmationRequest) -> Any:
    return await service.confirm_ballot(request.group, request.proposal, request.member, request.code)


@routes.post("/ballots/codes", responses=answers(shape.BallotCodes))
async def publish_codes(service: Service, request: body.CodesRequest) -> Any:
    return await service.publish_codes(request.group, request.count)


@routes.get("/mandates", responses=answers(list[shape.MandateShown]))
async def mandates(service: Service, group: Word) -> Any:
    return await service.mandates(group)


@routes.post("/mandates/sign", responses=answers(shape.Written))
async def sign_mandate(service: Service, request: body.MandateSigning) -> Any:
    return await service.sign_mandate(request.group, request.mandate, request.entry, request.act)


@routes.post("/delegations", responses=answers(shape.Written))
async def delegate(service: Service, request: body.DelegationRequest) -> Any:
    return await service.delegate(request.group, request.to, request.proposal, request.subject)


@routes.post("/proposals/withdraw", responses=answers(shape.Written))
async def withdraw(service: Service, request: body.WithdrawalRequest) -> Any:
    return await service.withdraw(request.group, request.proposal)


@routes.post("/proposals/answer", responses=answers(shape.Written))
async def answer_proposal(service: Service, request: body.AnswerRequest) -> Any:
    return await service.answer_proposal(request.group, request.proposal, request.text)


@routes.get("/decisions", responses=answers(list[shape.DecisionSummary]))
async def decisions(service: Service, group: Word) -> Any:
    return await service.decisions(group)


@routes.get("/decision", responses=answers(shape.DecisionDetail))
async def decision(service: Service, proposal: Word, group: Word | None = None) -> Any:
    return await service.decision(group, proposal)


@routes.post("/decisions/export", responses=answers(shape.Document))
async def export_decisions(service: Service, request: body.ExportRequest) -> Any:
    return await service.export_decisions(request.group, request.proposals)


@routes.get("/devices", responses=answers(list[shape.DeviceRow]))
async def devices(service: Service, group: Word) -> Any:
    return await service.devices(group)


@routes.post("/devices/invite", responses=answers(shape.DeviceInvitation))
async def invite_device(service: Service, request: body.DeviceInvitationRequest) -> Any:
    return await service.invite_device(request.group, request.member)


@routes.post("/devices/accept", responses=answers(shape.DeviceAnswer))
async def accept_device(service: Service, request: body.DeviceAcceptance) -> Any:
    return await service.accept_device(cast(shape.DeviceInvitation, request.invitation.model_dump()))


@routes.post("/devices", responses=answers(shape.Written))
async def add_device(service: Service, request: body.DeviceAddition) -> Any:
    return await service.add_device(request.group, request.answer)


@routes.post("/devices/revoke", responses=answers(shape.Written))
async def revoke_device(service: Service, request: body.DeviceRequest) -> Any:
    return await service.revoke_device(request.group, request.device, request.phrase)


@routes.post("/devices/rotate", responses=answers(shape.Written))
async def rotate_device(service: Service, request: body.DeviceRequest) -> Any:
    return await service.rotate_device(request.group, request.device)


@routes.post("/devices/object", responses=answers(list[shape.Written]))
async def object_to_change(service: Service, request: body.GroupRequest) -> Any:
    return await service.object_to_change(request.group)


@routes.post("/recoveries", responses=answers(shape.Written))
async def recover(service: Service, request: body.RecoveryRequest) -> Any:
    invitation = cast(shape.DeviceInvitation, request.invitation.model_dump())
    return await service.recover(invitation, request.phrase)


@routes.post("/voters/rest", responses=answers(shape.Written))
async def rest(service: Service, request: body.RestRequest) -> Any:
    return await service.rest(request.group, request.lying_voters)


@routes.post("/voters/return", responses=answers(shape.Written))
async def come_back(service: Service, request: body.GroupRequest) -> Any:
    return await service.come_back(request.group)


@routes.get("/peers", responses=answers(list[shape.PeerRow]))
async def peers(service: Service) -> Any:
    return await service.peers()


@routes.post("/peers", responses=answers(shape.PeerRow))
async def add_peer(service: Service, request: body.NewPeer) -> Any:
    return await service.add_peer(request.address)


@routes.post("/peers/remove", responses=answers(shape.PeerRow))
async def remove_peer(service: Service, request: body.PeerRequest) -> Any:
    return await service.remove_peer(request.peer)


@routes.post("/peers/ping", responses=answers(shape.Ping))
async def ping_peer(service: Service, request: body.PeerRequest) -> Any:
    return await service.ping_peer(request.peer)


@routes.post("/peers/block", responses=answers(shape.PeerRow))
async def block_peer(service: Service, request: body.PeerRequest) -> Any:
    return await service.block_peer(request.peer)


@routes.post("/peers/unblock", responses=answers(shape.PeerRow))
async def unblock_peer(service: Service, request: body.PeerRequest) -> Any:
    return await service.unblock_peer(request.peer)


@routes.post("/queries", responses=answers(shape.Answer))
async def query(service: Service, request: body.QueryRequest) -> Any:
    question = request.question.model_dump(exclude_none=True)
    return await service.query(request.peer, cast(shape.Question, question))


@routes.post("/contributions", responses=answers(shape.Written))
async def contribute(service: Service, request: body.ContributionRequest) -> Any:
    fields = cast(shape.ContributionBody, request.body.model_dump(exclude_none=True))
    return await service.contribute(request.group, fields, request.note)


@routes.post("/claims/known", responses=answers(list[str]))
async def claims_known(service: Service, request: body.KnownClaimsRequest) -> Any:
    return await service.claims_known(request.group, request.root, request.commits)


@routes.post("/claims", responses=answers(shape.Imported))
async def import_claims(service: Service, request: body.ClaimsRequest) -> Any:
    claims = [cast(shape.GitClaim, claim.model_dump()) for claim in request.claims]
    return await service.import_claims(request.group, request.root, claims)


@routes.get("/log", responses=answers(shape.LogPage))
async def log(
    service: Service,
    group: Word | None = None,
    author: Word | None = None,
    lane: Annotated[int | None, Query(ge=0, le=2)] = None,
    type_: Annotated[Word | None, Query(alias="type")] = None,
    limit: Annotated[int, Query(ge=1, le=LOG_ROWS_MAX)] = 100,
    before: Annotated[int | None, Query(ge=0)] = None,
    votes: bool = True,
) -> Any:
    return await service.log(group, author, lane, type_, limit, before, votes)


@routes.get("/entry", responses=answers(shape.EntryDetail))
async def entry(service: Service, entry: Word) -> Any:
    return await service.entry(entry)


@routes.get("/proof", responses=answers(shape.ProofFile))
async def proof(
    service: Service,
    entry: Word,
    decision: bool = False,
    group: Word | None = None,
    peer: Word | None = None,
) -> Any:
    return await service.proof(entry, decision, group, peer)


@routes.get("/proof/final", responses=answers(shape.ProofFile))
async def proof_final(
    service: Service,
    group: Word,
    height: Annotated[int, Query(ge=0, le=COUNTER_MAX)] = 0,
    peer: Word | None = None,
) -> Any:
    return await service.proof_final(group, height, peer)


@routes.get("/proof/membership", responses=answers(shape.ProofFile))
async def proof_membership(service: Service, group: Word, peer: Word | None = None) -> Any:
    return await service.proof_membership(group, peer)


@routes.post("/verify", responses=answers(shape.Verification))
async def verify(service: Service, request: body.VerifyRequest) -> Any:
    return await service.verify(request.group)


@routes.get("/why", responses=answers(shape.Explanation))
async def why(service: Service, word: Word) -> Any:
    return await service.why(word)


@routes.get("/disk", responses=answers(shape.Disk))
async def disk(service: Service) -> Any:
    return await service.disk()


@routes.post("/backup", responses=answers(shape.Backup))
async def backup(service: Service, request: body.BackupRequest) -> Any:
    return await service.backup(request.path)


@routes.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
async def events(service: Service) -> Any:
    """Server-sent events, one JSON object each, until the caller hangs up."""
    return EventStream(service)


@routes.post("/shutdown", responses=answers(dict[str, bool]))
async def shutdown(service: Service, after: BackgroundTasks) -> Any:
    # Once the answer is written: stopping ends every connection, also the one that asked for it.
    after.add_task(service.shutdown)
    return {"stopping": True}

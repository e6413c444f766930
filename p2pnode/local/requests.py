"""The bodies of API requests, with their bounds. What they mean is the service's to judge."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from p2pnode.core.limits import FOUNDERS_MAX, PAYLOAD_BYTES_MAX

CLAIMS_MAX = 500
LOG_ROWS_MAX = 1000
CODES_MAX = 32
TEXT_CHARACTERS_MAX = 65536
_NAME_CHARACTERS_MAX = 256
_TIME_MS_MAX = 2**53 - 1
_TITLE_CHARACTERS_MAX = 200
_WORDS_CHARACTERS_MAX = 8000
"""An annex holds 16 KiB: so much fits in any alphabet."""

_MEMBERS_NAMED_MAX = 64

Word = Annotated[str, Field(min_length=1, max_length=_NAME_CHARACTERS_MAX)]
"""A name, an id or the start of one."""

_Personal = Annotated[str, Field(max_length=_NAME_CHARACTERS_MAX)]
_Hex = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2})*$", max_length=2 * PAYLOAD_BYTES_MAX)]
_Words = Annotated[str, Field(max_length=_WORDS_CHARACTERS_MAX)]
_Address = Annotated[str, Field(min_length=1, max_length=1024)]
_Decimal = Annotated[str, Field(min_length=1, max_length=64)]
_GitId = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
_Count = Annotated[int, Field(ge=0, le=_TIME_MS_MAX)]


class Request(BaseModel):
    """A body of a request: closed, so that a misspelt field is an error."""

    # Strict and closed: a misspelt field is an error, never silently ignored.
    model_config = ConfigDict(extra="forbid", strict=True)


class Founding(Request):
    name: Word
    template: Word = "circle"
    my_name: _Personal = ""
    charter: Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)] | None = None


class FounderOfferBody(Request):
    format: Literal["p2pnode/offer/1"]
    inception_hex: _Hex
    annex_hex: _Hex
    addresses: Annotated[list[_Address], Field(max_length=16)]


class OfferRequest(Request):
    my_name: _Personal = ""


class FoundingTogether(Founding):
    offers: Annotated[list[FounderOfferBody], Field(min_length=1, max_length=FOUNDERS_MAX)]


class FoundingDraftBody(Request):
    format: Literal["p2pnode/founding/1"]
    author: Word
    terms_hex: _Hex
    offers: Annotated[list[FounderOfferBody], Field(max_length=FOUNDERS_MAX)]
    signatures: Annotated[dict[str, _Hex], Field(max_length=FOUNDERS_MAX)]
    entry_hex: Annotated[list[_Hex], Field(max_length=3)]


class DraftRequest(Request):
    draft: FoundingDraftBody


class DraftsRequest(Request):
    drafts: Annotated[list[FoundingDraftBody], Field(min_length=1, max_length=FOUNDERS_MAX)]


class InvitationRequest(Request):
    group: Word
    uses: Annotated[int, Field(ge=1, le=1000)] = 1
    expires_ms: Annotated[int, Field(ge=1, le=_TIME_MS_MAX)]


class JoinRequest(Request):
    link: Annotated[str, Field(min_length=1, max_length=16384)]
    my_name: _Personal = ""


class DeviceInvitationRequest(Request):
    group: Word
    member: Word | None = None


class DeviceInvitationBody(Request):
    format: Literal["p2pnode/device/1"]
    group: Word
    name: Annotated[str, Field(max_length=_NAME_CHARACTERS_MAX)]
    member: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    member_name: Annotated[str, Field(max_length=_NAME_CHARACTERS_MAX)]
    founding_hex: Annotated[list[_Hex], Field(min_length=3, max_length=3)]
    device: Word
    addresses: Annotated[list[_Address], Field(max_length=16)]


class DeviceAcceptance(Request):
    invitation: DeviceInvitationBody


class RecoveryRequest(Request):
    invitation: DeviceInvitationBody
    phrase: Annotated[str, Field(min_length=1, max_length=1024)]


class DeviceAddition(Request):
    group: Word
    answer: Annotated[str, Field(min_length=1, max_length=1024)]


class DeviceRequest(Request):
    group: Word
    device: Word
    phrase: Annotated[str, Field(max_length=1024)] | None = None


class GroupRequest(Request):
    group: Word


class RestRequest(Request):
    group: Word
    lying_voters: Annotated[int, Field(ge=0, le=10_000)] | None = None


class SponsorRequest(Request):
    group: Word
    newcomer: Word


class ProposalRequest(Request):
    group: Word
    subject: Word
    body: dict[str, Any]
    title: Annotated[str, Field(max_length=_TITLE_CHARACTERS_MAX)] = ""
    text: _Words = ""


class BallotRequest(Request):
    group: Word | None = None
    proposal: Word
    choice: Literal["yes", "no", "abstain", "object", "ranked"]
    ranked: Annotated[list[Word], Field(max_length=_MEMBERS_NAMED_MAX)] = []
    reason: _Words = ""
    member: Word | None = None


class ConfirmationRequest(Request):
    group: Word | None = None
    proposal: Word
    member: Word | None = None
    code: Word | None = None


class CodesRequest(Request):
    group: Word
    count: Annotated[int, Field(ge=1, le=CODES_MAX)]


class MandateSigning(Request):
    group: Word
    mandate: Word
    entry: Word
    act: Word | None = None


class DelegationRequest(Request):
    group: Word | None = None
    to: Word | None = None
    proposal: Word | None = None
    subject: Word | None = None


class WithdrawalRequest(Request):
    group: Word | None = None
    proposal: Word


class AnswerRequest(Request):
    group: Word | None = None
    proposal: Word
    text: Annotated[str, Field(min_length=1, max_length=_WORDS_CHARACTERS_MAX)]


class ExportRequest(Request):
    group: Word
    proposals: Annotated[list[Word], Field(max_length=1000)] = []


class Departure(Request):
    group: Word
    delete: bool = False


class NewPeer(Request):
    address: _Address


class PeerRequest(Request):
    peer: Word


class QuestionBody(Request):
    name: Literal["groups", "frontier", "log", "entry", "members"]
    group: Word | None = None
    author: Word | None = None
    entry: Word | None = None
    limit: Annotated[int, Field(ge=1, le=LOG_ROWS_MAX)] | None = None


class QueryRequest(Request):
    peer: Word
    question: QuestionBody


class ContributionFields(Request):
    action: Word
    resource: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    quantity: _Decimal | None = None
    quantity_unit: Word | None = None
    effort: _Decimal | None = None
    effort_unit: Word | None = None
    performed_ms: _Count | None = None
    commons: Word | None = None
    stream: Literal["livelihood", "commons", "care"] | None = None


class ContributionRequest(Request):
    group: Word
    body: ContributionFields
    note: Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)] = ""


class KnownClaimsRequest(Request):
    group: Word
    root: _GitId
    commits: Annotated[list[_GitId], Field(max_length=20 * CLAIMS_MAX)]


class GitClaimBody(Request):
    commit: _GitId
    authored_ms: Annotated[int, Field(ge=-_TIME_MS_MAX, le=_TIME_MS_MAX)]
    files: _Count
    lines_added: _Count
    lines_removed: _Count
    author: Annotated[str, Field(max_length=1024)]
    co_authors: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=64)]
    message: Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]
    provider: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class ClaimsRequest(Request):
    group: Word
    root: _GitId
    claims: Annotated[list[GitClaimBody], Field(max_length=CLAIMS_MAX)]


class VerifyRequest(Request):
    group: Word | None = None


class BackupRequest(Request):
    path: Annotated[str, Field(min_length=1, max_length=4096)]

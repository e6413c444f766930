"""The API's routes about giving and taking."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query
from pydantic import Field

from p2pnode.local.account_shapes import Account
from p2pnode.local.agreement_shapes import Document, ProofFile
from p2pnode.local.answer import Answer
from p2pnode.local.economy_calls import About, EconomyRow, FeedFilter, FeedPage, Recorded
from p2pnode.local.figure_shapes import FiguresShown
from p2pnode.local.requests import Request, Word
from p2pnode.local.routes import Service, answers

economy_routes = APIRouter(default_response_class=Answer)
_NOTE_CHARACTERS_MAX = 8000
_WORDS_CHARACTERS_MAX = 200
_FAR_KM = 20_040
"""Half of the way around the Earth."""
_FIELDS_MAX = 32
_ROWS_MAX = 500


class RecordRequest(Request):
    group: Word
    what: Word
    said: Annotated[dict[str, Any], Field(max_length=_FIELDS_MAX)]
    note: Annotated[str, Field(max_length=_NOTE_CHARACTERS_MAX)] = ""


@economy_routes.post("/economy", responses=answers(Recorded))
async def record(service: Service, request: RecordRequest) -> Any:
    return await service.record(request.group, request.what, request.said, request.note)


@economy_routes.get("/economy", responses=answers(list[EconomyRow]))
async def economy(
    service: Service,
    group: Word,
    about: About,
    who: Word | None = None,
    limit: Annotated[int, Query(ge=1, le=_ROWS_MAX)] = _ROWS_MAX,
    after: Word | None = None,
) -> Any:
    return await service.economy(group, about, who, limit, after)


@economy_routes.get("/feed", responses=answers(FeedPage))
async def feed(
    service: Service,
    group: Word,
    who: Word | None = None,
    purpose: Literal["offer", "request"] | None = None,
    words: Annotated[str | None, Query(max_length=_WORDS_CHARACTERS_MAX)] = None,
    near: Word | None = None,
    within_km: Annotated[int | None, Query(ge=1, le=_FAR_KM)] = None,
    since_ms: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    all: bool | None = None,  # noqa: A002 - the name in the query
    after: Word | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Any:
    chosen = {
        "who": who,
        "purpose": purpose,
        "words": words,
        "near": near,
        "within_km": within_km,
        "since_ms": since_ms,
        "all": all,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return await service.feed(group, cast(FeedFilter, given), after, limit)


@economy_routes.get("/economy/export", responses=answers(Document))
async def export_economy(service: Service, group: Word, readings: bool = False) -> Any:
    return await service.export_economy(group, readings)


@economy_routes.get("/receipt", responses=answers(ProofFile))
async def receipt(service: Service, group: Word, record: Word) -> Any:
    return await service.receipt(group, record)


@economy_routes.get("/commons", responses=answers(EconomyRow))
async def commons(service: Service, group: Word, commons: Word, who: Word | None = None) -> Any:
    return await service.commons(group, commons, who)


@economy_routes.get("/thing", responses=answers(EconomyRow))
async def thing(service: Service, group: Word, thing: Word) -> Any:
    return await service.thing(group, thing)


class PreviewRequest(Request):
    group: Word
    said: Annotated[dict[str, Any], Field(max_length=_FIELDS_MAX)]


@economy_routes.post("/distribution/preview", responses=answers(EconomyRow))
async def preview_run(service: Service, request: PreviewRequest) -> Any:
    return await service.preview_run(request.group, request.said)


@economy_routes.get("/distribution", responses=answers(EconomyRow))
async def run(service: Service, group: Word, run: Word) -> Any:
    return await service.run(group, run)


class RunRequest(Request):
    group: Word
    run: Word


@economy_routes.post("/distribution/export", responses=answers(Document))
async def export_run(service: Service, request: RunRequest) -> Any:
    return await service.export_run(request.group, request.run)


class FiguresRequest(Request):
    group: Word
    commons: Word | None = None
    first: Word | None = None
    last: Word | None = None


@economy_routes.post("/figures", responses=answers(FiguresShown))
async def figures(service: Service, request: FiguresRequest) -> Any:
    return await service.figures(request.group, request.commons, request.first, request.last)


class AccountRequest(Request):
    group: Word
    who: Word | None = None
    from_ms: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    to_ms: Annotated[int | None, Field(ge=0, lt=2**53)] = None


@economy_routes.post("/account", responses=answers(Account))
async def account(service: Service, request: AccountRequest) -> Any:
    return await service.account(request.group, request.who, request.from_ms, request.to_ms)


@economy_routes.get("/loops/found", responses=answers(list[EconomyRow]))
async def loops_found(service: Service, group: Word, claims: bool = False, any_kind: bool = False) -> Any:
    return await service.loops_found(group, claims, any_kind)


@economy_routes.get("/agreement", responses=answers(EconomyRow))
async def agreement(service: Service, group: Word, agreement: Word) -> Any:
    return await service.agreement(group, agreement)

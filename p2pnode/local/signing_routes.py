"""The API's routes about signing what others recorded."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from p2pnode.local.answer import Answer
from p2pnode.local.requests import Request, Word
from p2pnode.local.routes import Service, answers
from p2pnode.local.signing_calls import Signed, ToSign

signing_routes = APIRouter(default_response_class=Answer)
RECORDS_MAX = 500
_ID = r"^[0-9a-f]{64}$"


class SigningRequest(Request):
    group: Word
    records: Annotated[list[Annotated[str, Field(pattern=_ID)]], Field(min_length=1, max_length=RECORDS_MAX)]


@signing_routes.get("/signatures", responses=answers(ToSign))
async def to_sign(
    service: Service,
    group: Word,
    recorded_by: Word | None = None,
    git_author: Word | None = None,
    after: Annotated[str | None, Query(pattern=_ID)] = None,
) -> Any:
    return await service.to_sign(group, recorded_by, git_author, after)


@signing_routes.post("/signatures", responses=answers(Signed))
async def sign_records(service: Service, request: SigningRequest) -> Any:
    return await service.sign_records(request.group, request.records)

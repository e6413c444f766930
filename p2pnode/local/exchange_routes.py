"""The API's routes for importers and exporters."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter
from pydantic import Field

from p2pnode.local.answer import Answer
from p2pnode.local.exchange_calls import Brought, BundleFile, ExportPage, MeterWritten, SheetLine
from p2pnode.local.requests import Request, Word
from p2pnode.local.routes import Service, answers

exchange_routes = APIRouter(default_response_class=Answer)
LINES_MAX = 500
READINGS_MAX = 50_000
_NOTE_CHARACTERS_MAX = 4000
_FIELDS_MAX = 32
_INTEGER_MAX = 2**53 - 1
_Count = Annotated[int, Field(ge=0, le=_INTEGER_MAX)]
_Signed = Annotated[int, Field(ge=-_INTEGER_MAX, le=_INTEGER_MAX)]


class LineBody(Request):
    line: _Count
    fields: Annotated[dict[str, Any], Field(max_length=_FIELDS_MAX)]
    note: Annotated[str, Field(max_length=_NOTE_CHARACTERS_MAX)] = ""
    identifier: Annotated[str, Field(max_length=1024)] = ""
    ordinal: _Count = 0


class LinesRequest(Request):
    group: Word
    source: Annotated[str, Field(max_length=200)]
    lines: Annotated[list[LineBody], Field(max_length=LINES_MAX)]
    waiting: _Count = 0
    dry_run: bool = False
    mine: bool = False


class ReadingsRequest(Request):
    group: Word
    meter: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    readings: Annotated[
        list[Annotated[list[_Signed], Field(min_length=2, max_length=2)]],
        Field(min_length=1, max_length=READINGS_MAX),
    ]
    after_gap: bool = False


@exchange_routes.post("/lines", responses=answers(Brought))
async def import_lines(service: Service, request: LinesRequest) -> Any:
    lines = [cast(SheetLine, line.model_dump()) for line in request.lines]
    return await service.import_lines(
        request.group, request.source, lines, request.waiting, request.dry_run, request.mine
    )


@exchange_routes.post("/meters/readings", responses=answers(MeterWritten))
async def read_meter(service: Service, request: ReadingsRequest) -> Any:
    readings = [(at_ms, amount) for at_ms, amount in request.readings]
    return await service.read_meter(request.group, request.meter, readings, request.after_gap)


@exchange_routes.get("/export", responses=answers(ExportPage))
async def export_page(service: Service, group: Word, table: Word, after: Word | None = None) -> Any:
    return await service.export_page(group, table, after)


@exchange_routes.get("/export/bundle", responses=answers(BundleFile))
async def export_bundle(service: Service, group: Word, who: Word | None = None) -> Any:
    return await service.export_bundle(group, who)

"""The HTTP application: routes, the guard before them, and errors in one shape with a remedy."""

from __future__ import annotations

import traceback

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from p2pnode.core.errors import FormatError, NodeError, PeerError, StoreError, Unreachable, UsageError
from p2pnode.local.answer import NO_STORE, Answer
from p2pnode.local.economy_routes import economy_routes
from p2pnode.local.exchange_routes import exchange_routes
from p2pnode.local.guard import Guard, error_body
from p2pnode.local.routes import routes
from p2pnode.local.service import Service
from p2pnode.local.signing_routes import signing_routes
from p2pnode.local.skill_routes import skill_routes
from p2pnode.logs import Log

_log = Log("local")
_SEE_PATHS = "GET /openapi.json lists every path, method and field."


def build_application(service: Service, *, token: str, version: str) -> ASGIApp:
    """The ASGI application of one node."""
    # The documentation pages of FastAPI load scripts from the network, so only the schema is offered.
    application = FastAPI(
        title="p2pnode", version=version, docs_url=None, redoc_url=None, default_response_class=Answer
    )
    application.state.service = service
    # Not included, but put in as they are: an included router is searched twice for every request.
    for part in (routes, economy_routes, exchange_routes, signing_routes, skill_routes):
        application.router.routes += part.routes
    application.add_exception_handler(NodeError, _on_node_error)
    application.add_exception_handler(RequestValidationError, _on_bad_request)
    application.add_exception_handler(HTTPException, _on_http_error)
    application.add_exception_handler(Exception, _on_bug)
    return Guard(application, token)


def _error(status: int, rule: str, message: str, remedy: str) -> JSONResponse:
    return JSONResponse(error_body(rule, message, remedy), status, NO_STORE)


async def _on_node_error(request: Request, error: Exception) -> JSONResponse:
    del request
    match error:
        case UsageError():
            status = 404 if error.rule.endswith(".unknown") else 400
            return _error(status, error.rule, error.message, error.remedy)
        case FormatError():
            return _error(400, error.rule, str(error), "Check what was typed or pasted.")
        case PeerError():
            return _error(502, error.rule, str(error), "Ask another peer; `p2pnode peers` lists them.")
        case Unreachable():
            return _error(
                504, "peer.unreachable", str(error), "Try later, or check the address with `p2pnode peers`."
            )
        case StoreError():
            return _error(507, "store.refused", error.message, error.remedy)
        case _:
            return _error(500, "node.error", str(error), "")


async def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"])
    return _error(422, "api.bad_request", f"{place}: {first['msg']}", _SEE_PATHS)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    rules = {404: "api.unknown_path", 405: "api.wrong_method"}
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _error(error.status_code, rules.get(error.status_code, "api.bad_request"), message, _SEE_PATHS)


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _log.error("api.bug", method=request.method, path=request.url.path, error=error, place=place)
    return _error(
        500, "node.bug", f"{type(error).__name__}: {error}", "This is a fault of p2pnode; the log has it."
    )

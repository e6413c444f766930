"""Who may call the API: a holder of the token, from this computer, and no web page of somebody else.

A browser sends requests to loopback for any page that asks. Three things keep such pages out: the token,
which only this user's files hold; the Host header, which a rebound DNS name betrays; and the Origin header,
which names the page.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 8 * 1024 * 1024
"""Room for 500 claims with long commit messages."""

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def error_body(rule: str, message: str, remedy: str) -> dict[str, str]:
    """The one shape of every error that the API answers with."""
    return {"rule": rule, "message": message, "remedy": remedy}


class _Refusal(Exception):
    def __init__(self, status: int, rule: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(rule, message, remedy)


class Guard:
    """ASGI middleware that answers for the application where a request must not reach it."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if scope["type"] != "http":
                raise _Refusal(
                    400, "api.not_http", "Only plain HTTP is spoken here.", "Use http://, not ws://."
                )
            headers = self._checked_headers(scope)
            await self._app(scope, _bounded(receive, headers), watched_send)
        except _Refusal as refusal:
            if started or scope["type"] != "http":
                raise
            await _refuse(send, refusal)

    def _checked_headers(self, scope: Scope) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in headers and name in (b"host", b"authorization", b"origin", b"content-length"):
                raise _Refusal(
                    400, "api.twice", f"The header {name.decode('latin-1')} came twice.", "Send it once."
                )
            headers[name] = value
        port = scope["server"][1]
        allowed = {f"{name}:{port}".encode() for name in _LOOPBACK_NAMES}
        if headers.get(b"host", b"") not in allowed:
            raise _Refusal(
                403,
                "api.foreign_host",
                "The Host header does not name this computer.",
                f"Call http://127.0.0.1:{port} directly.",
            )
        origin = headers.get(b"origin")
        if origin is not None and origin not in {b"http://" + name for name in allowed}:
            raise _Refusal(
                403,
                "api.foreign_origin",
                "A page of another site may not call this node.",
                f"Open the page at http://127.0.0.1:{port}.",
            )
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._token):
            raise _Refusal(
                401,
                "api.no_token",
                "The request carries no token, or an old one.",
                "Send 'Authorization: Bearer TOKEN' with the content of the file `token` in the home.",
            )
        return headers


def _bounded(receive: Receive, headers: dict[bytes, bytes]) -> Receive:
    """The same input, refused once it is longer than any request needs to be."""
    too_large = _Refusal(
        413,
        "api.too_large",
        f"A request has at most {BODY_BYTES_MAX} bytes.",
        "Send the work in smaller pieces.",
    )
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > 12 or int(declared) > BODY_BYTES_MAX:
        raise too_large
    body_bytes = 0

    async def bounded_receive() -> Message:
        nonlocal body_bytes
        message = await receive()
        body_bytes += len(message.get("body", b""))
        if body_bytes > BODY_BYTES_MAX:
            raise too_large
        return message

    return bounded_receive


async def _refuse(send: Send, refusal: _Refusal) -> None:
    body = json.dumps(refusal.body).encode()
    headers: list[tuple[bytes, Any]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        # What was not read of the body must not be taken for the next request.
        (b"connection", b"close"),
    ]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

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
        try:
            if scope["type"] != "http":
                raise _Refusal(
                    400, "api.not_http", "Only plain HTTP is spoken here.", "Use http://, not ws://."
                )
            declared = self._checked_headers(scope).get(b"content-length", b"0")
            if not declared.isdigit() or len(declared) > 12 or int(declared) > BODY_BYTES_MAX:
                raise _TOO_LARGE
        except _Refusal as refusal:
            if scope["type"] != "http":
                raise
            await _refuse(send, refusal)
            return
        bounds = _Bounds(receive, send)
        await self._app(scope, bounds.receive, bounds.send)

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


_TOO_LARGE = _Refusal(
    413, "api.too_large", f"A request has at most {BODY_BYTES_MAX} bytes.", "Send the work in smaller pieces."
)


class _Bounds:
    """Counts a body that did not declare its size; past the bound, the refusal replaces any other answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_bytes = 0
        self._is_refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_bytes += len(message.get("body", b""))
        if self._body_bytes > BODY_BYTES_MAX:
            raise _TOO_LARGE
        return message

    async def send(self, message: Message) -> None:
        if self._body_bytes <= BODY_BYTES_MAX:
            await self._send(message)
        elif not self._is_refused:
            self._is_refused = True
            await _refuse(self._send, _TOO_LARGE)


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

"""Calls the running node's API. Standard library only, because a command has to start fast."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from p2pnode.core.errors import NodeFault, PeerError, StoreError, Unreachable, UsageError
from p2pnode.home import Home

_HOST = "127.0.0.1"
_TIMEOUT_S = 60.0
"""Longer than any bounded wait inside the node."""


class NotRunning(Unreachable):
    """No node answers on this home: none runs, or one is not ready yet."""

    def __init__(self, starting: int | None = None) -> None:
        super().__init__(
            "The node is not running. Start it with `p2pnode up`."
            if starting is None
            else f"The node is starting or stopping (process {starting}). Try again in a moment."
        )


class Client:
    """One caller of one node. Errors: UsageError, Unreachable, PeerError, StoreError, NodeFault."""

    def __init__(self, home: Home) -> None:
        api = home.read_api()
        token = home.read_token()
        # A killed node leaves its file behind, and its port may be anybody's now: hide the token from them.
        if api is None or token is None or not _is_own_process(api.process):
            holder = home.lock_holder()
            raise NotRunning(holder if holder is not None and _is_own_process(holder) else None)
        self._port = api.port
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: str | int | None) -> Any:
        """What a GET request answers; values that are None are left out."""
        return self._call("GET", _with_query(path, query), None, _TIMEOUT_S)

    def post(
        self, path: str, body: dict[str, Any] | None = None, *, timeout_s: float | None = _TIMEOUT_S
    ) -> Any:
        """What a POST request answers; fields that are None are left out."""
        fields = {name: value for name, value in (body or {}).items() if value is not None}
        return self._call("POST", path, fields, timeout_s)

    def events(self) -> Iterator[dict[str, Any]]:
        """What happens in the node from now on, until it stops; the first event is `ready`."""
        with closing(self._connect(None)) as connection:
            try:
                response = self._send(connection, "GET", "/events", None)
                while line := response.readline():
                    if line.startswith(b"data: "):
                        yield json.loads(line[6:])
            except (OSError, HTTPException) as error:
                raise _gone(error) from error

    def _call(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float | None) -> Any:
        # A connection for each call: the node closes idle ones, and on loopback a new one costs nothing.
        with closing(self._connect(timeout_s)) as connection:
            try:
                return json.loads(self._send(connection, method, path, body).read())
            except TimeoutError as error:
                raise Unreachable(f"The node did not answer within {timeout_s:.0f} s.") from error
            except (OSError, HTTPException) as error:
                raise _gone(error) from error

    def _connect(self, timeout_s: float | None) -> HTTPConnection:
        connection = HTTPConnection(_HOST, self._port, timeout=timeout_s)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NotRunning from error
        return connection

    def _send(
        self, connection: HTTPConnection, method: str, path: str, body: dict[str, Any] | None
    ) -> HTTPResponse:
        headers = dict(self._headers)
        text = None
        if body is not None:
            text = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection.request(method, path, text, headers)
        response = connection.getresponse()
        _check(response)
        return response


def _gone(error: Exception) -> Unreachable:
    return Unreachable(f"The node went away while it was asked ({type(error).__name__}).")


def _is_own_process(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return True


def _with_query(path: str, query: dict[str, str | int | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _check(response: HTTPResponse) -> None:
    """Turn an error answer back into the error that the node meant."""
    if response.status < 400:
        return
    try:
        fields = json.loads(response.read())
        rule, message, remedy = str(fields["rule"]), str(fields["message"]), str(fields["remedy"])
    except (ValueError, TypeError, KeyError) as error:
        raise NodeFault(f"The node answered {response.status} without a reason.") from error
    if response.status == 507:
        raise StoreError(message, remedy)
    if response.status == 504:
        raise Unreachable(message)
    if response.status == 502:
        raise PeerError(rule, message)
    if response.status >= 500:
        raise NodeFault(f"{message} {remedy}")
    raise UsageError(rule, message, remedy)

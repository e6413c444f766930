"""Serves the API on loopback, inside the nursery of whoever runs it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import partial

import hypercorn.trio
import trio
from hypercorn.config import Config

from p2pnode.core.errors import UsageError
from p2pnode.local.api import build_application
from p2pnode.local.service import Service

HOST = "127.0.0.1"
_STALLED_MS_MAX = 10_000
"""How long a caller may leave what was sent to it unread before its connection is given up."""


async def serve(
    service: Service, *, port: int, token: str, version: str, ready: Callable[[int], None]
) -> None:
    """Serve until cancelled; `ready` gets the port, which the system chooses for 0.

    Errors: UsageError api.port_taken.
    """
    config = Config()
    listener = _listen(port)
    port = int(listener.getsockname()[1])
    # Hypercorn closes the descriptor, so it must not be closed here a second time.
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.h11_max_incomplete_size = 64 * 1024
    config.graceful_timeout = 0.5
    application = build_application(service, token=token, version=version)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(hypercorn.trio.serve, application, config))  # type: ignore[arg-type]
        ready(port)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Hypercorn shields its writes from cancellation: a caller that stops reading would keep the node from
        # stopping. Accepted connections inherit this option, by which the system ends them.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS_MAX)
        listener.bind((HOST, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise UsageError(
            "api.port_taken",
            f"The local API cannot listen on {HOST}:{port}: {error.strerror}.",
            "Choose another port with `--api PORT`, or 0 to let the system choose.",
        ) from error
    return listener

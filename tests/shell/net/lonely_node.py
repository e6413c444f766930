"""A node in a process of its own, for tests that stop or kill it: `lonely_node.py SEED_HEX PORT`."""

from __future__ import annotations

import sys

import trio

from p2pnode.net.host import Host
from p2pnode.net.streams import Libp2pStream


async def echo(stream: Libp2pStream) -> None:
    while data := await stream.read(65_536):
        await stream.write(data)


async def main(seed: bytes, port: int) -> None:
    host = Host(secret_seed=seed, listen=[f"/ip4/127.0.0.1/tcp/{port}"], protocols={"/test/echo/1": echo})
    async with host.run():
        print(host.addresses()[0], flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, bytes.fromhex(sys.argv[1]), int(sys.argv[2]))

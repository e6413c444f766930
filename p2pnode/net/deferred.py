"""Keeps three modules of libp2p out of memory that this node never calls; imported before libp2p.

libp2p 0.8.1 imports its clients for certificates and its mDNS with every host. They bring two HTTP clients, a
terminal library and zeroconf along: 16 MB of 88, and a quarter of the time to import. This file puts empty
modules in their places, whose names can be imported and whose use raises. The local network is searched by
`discovery.py` instead, which imports zeroconf when it is asked to; certificates belong to transports that
this node does not offer. Nothing of any other package is replaced.
"""

from __future__ import annotations

import sys
from types import ModuleType

UNUSED = (
    "libp2p.security.tls.autotls.acme",
    "libp2p.security.tls.autotls.broker",
    "libp2p.discovery.mdns.mdns",
)


class _Unused:
    """Stands for anything in an unused module."""

    def __init__(self, *_args: object, **_options: object) -> None:
        raise NotImplementedError(f"p2pnode does not use {type(self).__module__}")


class _UnusedModule(ModuleType):
    def __getattr__(self, name: str) -> type[_Unused]:
        # Python asks for names like __path__ to learn what kind of module this is.
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Unused,), {"__module__": self.__name__})


for _name in UNUSED:
    sys.modules.setdefault(_name, _UnusedModule(_name))

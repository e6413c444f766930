"""What a running node does for its user: the service behind the local API (`local/service.py` says what
each method means).
"""

from __future__ import annotations

from p2pnode.service.account import AccountService
from p2pnode.service.context import Context
from p2pnode.service.devices import DevicesService
from p2pnode.service.economy import EconomyService
from p2pnode.service.exchange import ExchangeService
from p2pnode.service.figures import FiguresService
from p2pnode.service.founding import FoundingService
from p2pnode.service.keeping import KeepingService
from p2pnode.service.mandates import MandatesService
from p2pnode.service.peers import PeersService
from p2pnode.service.proofs import ProofsService
from p2pnode.service.sharing import SharingService
from p2pnode.service.signing import SigningService
from p2pnode.service.skills import SkillsService

__all__ = ["Context", "LiveService"]


class LiveService(
    AccountService,
    EconomyService,
    ExchangeService,
    FiguresService,
    KeepingService,
    FoundingService,
    DevicesService,
    PeersService,
    ProofsService,
    MandatesService,
    SharingService,
    SigningService,
    SkillsService,
):
    """One running node."""

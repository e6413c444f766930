"""What the bodies of proposed blocks say, whoever proposed them: entries to fetch, and certificates.

Not here: whether a block holds (`blocks.py`, `judging.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.consensus.block import Tip
from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.format import Certificate, body_named, decode_body
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError

if TYPE_CHECKING:
    from p2pnode.store.group_file import GroupQueries

CERTIFICATES_MAX = 16
"""Certificates kept of one height before it is reached; they differ only in who signed."""


class Bodies:
    """The bodies of blocks that were put to the vote; mutable, owned by the chain."""

    def __init__(self, file: GroupQueries) -> None:
        self._file = file
        self.wanted: set[bytes] = set()
        self._named: dict[tuple[bytes, int], int] = {}
        self._has_named = False
        self._certificates: dict[int, dict[bytes, Certificate]] = {}

    def want(self, proposal: bytes) -> bytes | None:
        """Look for the body that a proposal names: the body if it is here, else it is wanted from now on."""
        body_hash = body_named(proposal)
        if body_hash is None:
            return None
        held = self._file.annexes([body_hash])
        if held:
            return held[0]
        self.wanted.add(body_hash)
        return None

    def take(self, body: bytes) -> Certificate | None:
        """Note what a proposed block names: it is fetched whatever quota its author has (J16).

        Returns the certificate inside it: it says of some block that it is final.
        """
        self.wanted.discard(sha256(body))
        try:
            decoded = decode_body(body)
        except FormatError:
            return None
        for entry in decoded.cut:
            key = (entry.key, entry.lane)
            if entry.seq > self._named.get(key, -1):
                self._named[key] = entry.seq
                self._has_named = True
        return decoded.parent

    def take_named(self) -> bool:
        """Whether bodies of blocks have named more since this was asked last."""
        has_named, self._has_named = self._has_named, False
        return has_named

    def named(self, author: bytes, lane: int) -> int:
        """The last seq of a lane that a block of the group's voters names, -1 for none."""
        return self._named.get((author, lane), -1)

    def keep(self, certificate: Certificate) -> None:
        """Keep a certificate of a height that is not reached yet."""
        known = self._certificates.setdefault(certificate.height, {})
        if len(known) < CERTIFICATES_MAX:
            known.setdefault(certificate.hash, certificate)

    def pop(self, height: int) -> list[Certificate]:
        """Forget the certificates of a height that is final now, and return them."""
        return list(self._certificates.pop(height, {}).values())

    def certified(self, tip: Tip) -> list[Certificate]:
        """Certificates inside proposed blocks above that make a block of the height above a tip final.

        Whoever cannot read the votes themselves, because a voter's lane of votes ended at a fork before them,
        follows by these (E3).
        """
        good = []
        for key, certificate in list(self._certificates.get(tip.height + 1, {}).items()):
            try:
                check_certificate(
                    certificate, tip.configuration, tip.group, tip.configuration.epoch, certificate.block
                )
            except FormatError:
                del self._certificates[tip.height + 1][key]
            else:
                good.append(certificate)
        return good

"""Verifies a proof with what its founding entry says about the first voters.

Pure: neither network nor database nor clock, so that a command can check a file on any machine.
"""

from __future__ import annotations

from p2pnode.consensus import proof
from p2pnode.consensus.format import Configuration
from p2pnode.consensus.proof import Proven
from p2pnode.consensus.rows import MemoryRows
from p2pnode.core.entry import Entry
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.genesis import genesis_rows


def founding_configuration(founding: Entry) -> Configuration:
    """Who votes on a group's first block. Errors: FormatError founding.*."""
    return configuration_of(MemoryRows(genesis_rows(founding)))


def verify_proof(data: bytes, trusted: bytes | None = None) -> Proven:
    """What a file proves.

    Shapes: trusted is the id of a block, or the group's id; the proof then has to pass through it. Errors:
    FormatError proof.*, certificate.*, founding.* and others of decoding.
    """
    return proof.verify_proof(data, founding_configuration, trusted)

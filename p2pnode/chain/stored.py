"""A chain as its file keeps it: the rows it begins with, its last block, and what a final block changes."""

from __future__ import annotations

from p2pnode.chain.judging import Made
from p2pnode.consensus.block import Tip, cut_after
from p2pnode.consensus.certificate import Convocation, configuration_of_value
from p2pnode.consensus.format import (
    Certificate,
    Configuration,
    certificate_of_value,
    decode_body,
    decode_header,
    encode_header,
)
from p2pnode.consensus.recovered import Statement
from p2pnode.consensus.rows import Rows, row_key
from p2pnode.consensus.trie import EMPTY_ROOT, update
from p2pnode.core import codec
from p2pnode.core.entry import Entry
from p2pnode.governance import tables
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.recovering import decode
from p2pnode.store.chain_tables import BlockRow, ChainQueries, ChainTransaction
from p2pnode.store.group_file import GroupQueries

_CUT_PREFIX = row_key("cut")


def begin(chain: ChainTransaction, founding: Entry) -> None:
    """Write the rows of height 0 and their trie."""
    rows = genesis_rows(founding)
    changes: dict[bytes, bytes | None] = dict(rows)
    chain.put_rows(changes)
    chain.put_trie(update(EMPTY_ROOT, changes, chain.trie_node).new, ())


def is_begun(chain: ChainQueries) -> bool:
    """Whether the rows of height 0 were written."""
    return chain.get(row_key("epoch")) is not None


def read_tip(chain: ChainQueries, founding: Entry) -> tuple[Tip, Configuration | None]:
    """The last final block, and who voted on it; before the first one what the founding says."""
    group = bytes(founding.group)
    configuration = configuration_of(chain)
    cut = {}
    for key, value in chain.scan(_CUT_PREFIX):
        seq, entry_id = codec.decode(value)
        place = key[len(_CUT_PREFIX) :]
        cut[place[:-1], place[-1]] = (seq, entry_id)
    last = chain.tip()
    if last is None:
        rows: dict[bytes, bytes | None] = dict(genesis_rows(founding))
        root = update(EMPTY_ROOT, rows, chain.trie_node).root
        return Tip(group, 0, group, founding.header.time_ms, None, configuration, cut, root), None
    header = decode_header(last.header)
    certificate = certificate_of_value(codec.decode(last.certificate))
    tip = Tip(group, last.height, last.id, header.time_ms, certificate, configuration, cut, header.state_root)
    return tip, configuration_of_value(codec.decode(last.configuration))


def statement_of(file: GroupQueries, known: Rows, device: bytes) -> Statement | None:
    """The statement by which a device speaks for a lost voter, or None (J20)."""
    for entry_id, row in tables.pending(known):
        if row.kind == "recover" and row.device == device:
            position = file.position_of_id(entry_id)
            held = None if position is None else file.entry_at(position)
            if held is not None:
                return decode(held.payload or b"").statement(device)
    return None


def recent_signers(chain: ChainQueries, height: int) -> tuple[bytes, ...]:
    """Who signed the certificate inside the block of a height: all nodes read the same there, while the
    certificates that they put together themselves differ."""
    block, before = chain.block(height), chain.block(height - 1)
    parent = None if block is None else decode_body(block.body).parent
    if parent is None or before is None:
        return ()
    voters = configuration_of_value(codec.decode(before.configuration)).voters
    return tuple(voters[index][0] for index in parent.signers)


def commit(
    chain: ChainTransaction,
    made: Made,
    certificate: Certificate,
    voted_by: Configuration,
    convocation: Convocation | None,
) -> None:
    """Write a final block and what it changes."""
    header = made.header
    chain.add_block(
        BlockRow(
            header.height,
            header.id,
            encode_header(header),
            made.body,
            codec.encode(certificate.value),
            codec.encode(voted_by.value),
            None if convocation is None else codec.encode(convocation.value),
        )
    )
    chain.put_state(made.execution.changes, made.trie)
    chain.add_void(made.voids)
    chain.add_late(header.height, made.late)


def tip_after(tip: Tip, made: Made, certificate: Certificate) -> Tip:
    """The tip once a block is final."""
    header = made.header
    return Tip(
        tip.group,
        header.height,
        header.id,
        header.time_ms,
        certificate,
        made.configuration,
        cut_after(tip, decode_body(made.body).cut),
        header.state_root,
    )

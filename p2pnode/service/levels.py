"""What a peer that is far behind is answered: the way to the last final block, blocks, chunks of a state."""

from __future__ import annotations

from p2pnode.chain.parting import row_shown
from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import Anchor, Link, Proof, RowProof, encode_proof
from p2pnode.consensus.snapshot import make_chunk
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry, check_alone
from p2pnode.core.errors import UsageError
from p2pnode.replication.level import (
    BLOCKS_MAX,
    PROOF_BYTES_MAX,
    BlocksWanted,
    ChunkWanted,
    FinalWanted,
    Wanted,
)
from p2pnode.service.history import configuration_above, links_above
from p2pnode.store.group_file import GroupQueries

_BLOCKS_BYTES_MAX = 512 * 1024
_REMEDY = "ask another member"


def answer_to(queries: GroupQueries, wanted: Wanted) -> Value:
    """The answer to one question. Errors: UsageError level.nothing_newer, level.other_chain, level.gone."""
    match wanted:
        case FinalWanted():
            return _final(queries, wanted)
        case BlocksWanted():
            return _blocks(queries, wanted)
        case ChunkWanted(root, after):
            states = queries.states
            try:
                return {"chunk": make_chunk(root, after, states.node_at, states.row_at)}
            except KeyError:
                raise _gone("that state is not kept any more") from None


def answer_to_gone(queries: GroupQueries, wanted: Wanted, device_key: bytes) -> Value:
    """What somebody whose membership is over is answered: the way to the last final block, and its own row
    there. Errors: UsageError query.members_only, and those of `answer_to`."""
    row = row_shown(queries, device_key) if isinstance(wanted, FinalWanted) else None
    if row is None or not isinstance(wanted, FinalWanted):
        raise members_only()
    return _final(queries, wanted, row)


def members_only() -> UsageError:
    """The refusal of somebody who is no member."""
    return UsageError("query.members_only", "only members are told")


def _final(queries: GroupQueries, wanted: FinalWanted, row: RowProof | None = None) -> Value:
    """A proof from the block that is known to the last one, with a row, or to the last that fits."""
    tip = queries.chain.tip()
    if tip is None or tip.height <= wanted.height:
        raise UsageError("level.nothing_newer", "this node knows no later block", _REMEDY)
    start = _start_of(queries, wanted)
    links: list[Link] = []
    size = 0
    for link in links_above(queries, wanted.height, tip.height, (tip.height - 1, tip.height)):
        size += len(codec.encode(link.final.value)) + _configuration_bytes(link)
        if links and size > PROOF_BYTES_MAX and link.final.header.height < tip.height - 1:
            return {"more": True, "proof": encode_proof(Proof(start, tuple(links)))}
        links.append(link)
    return {"more": False, "proof": encode_proof(Proof(start, tuple(links), None, row))}


def _configuration_bytes(link: Link) -> int:
    following = link.next_configuration
    return 0 if following is None else len(codec.encode(following.value))


def _start_of(queries: GroupQueries, wanted: FinalWanted) -> Entry | Anchor:
    founding = queries.founding()
    entry = check_alone(founding.header, founding.signature, founding.payload)
    row = queries.chain.block(wanted.height)
    if wanted.height == 0 and wanted.block == entry.group:
        return entry
    if row is None or row.id != wanted.block:
        raise UsageError("level.other_chain", "this node does not know the block that was named", _REMEDY)
    return Anchor(decode_header(row.header), configuration_above(queries, wanted.height))


def _blocks(queries: GroupQueries, wanted: BlocksWanted) -> Value:
    """Consecutive blocks from the first on, as many as fit."""
    blocks: list[Value] = []
    size = 0
    count = min(BLOCKS_MAX, wanted.last - wanted.first + 1)
    for height, row in enumerate(queries.chain.next_blocks(wanted.first, max(count, 1)), wanted.first):
        size += len(row.header) + len(row.body) + len(row.certificate) + len(row.convocation or b"")
        if row.height != height or not row.body or (blocks and size > _BLOCKS_BYTES_MAX):
            break
        convocation = None if row.convocation is None else codec.decode(row.convocation)
        blocks.append([row.header, row.body, codec.decode(row.certificate), convocation])
    if not blocks:
        raise _gone("that block is not here")
    return {"blocks": blocks}


def _gone(message: str) -> UsageError:
    return UsageError("level.gone", message, _REMEDY)

"""What a peer that is far behind is answered: the way to the last final block, blocks, chunks of a state."""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.chain.parting import is_gone, row_shown
from p2pnode.consensus.format import decode_body, decode_header
from p2pnode.consensus.proof import Anchor, Link, Proof, RowProof, encode_proof
from p2pnode.consensus.snapshot import make_chunk
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry, check_alone
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.replication.exchange import Want
from p2pnode.replication.level import (
    BLOCKS_MAX,
    PROOF_BYTES_MAX,
    AnnexesWanted,
    BlocksWanted,
    ChunkWanted,
    EntriesWanted,
    FinalWanted,
    Wanted,
)
from p2pnode.replication.run import pack_runs
from p2pnode.service.history import configuration_above, links_above
from p2pnode.serving import read_bounded
from p2pnode.store.ending_tables import End
from p2pnode.store.group_file import GroupQueries

_BLOCKS_BYTES_MAX = 512 * 1024
_RUNS_BYTES_MAX = 512 * 1024
_REMEDY = "ask another member"


def answer_to(queries: GroupQueries, wanted: Wanted) -> Value:
    """The answer to one question. Errors: UsageError level.nothing_newer, level.other_chain, level.gone."""
    match wanted:
        case FinalWanted():
            return _final(queries, wanted)
        case BlocksWanted():
            return _blocks(queries, wanted)
        case ChunkWanted(root, after, until):
            states = queries.states
            try:
                return {"chunk": make_chunk(root, after, states.node_at, states.row_at, until=until)}
            except KeyError:
                raise _gone("that state is not kept any more") from None
        case EntriesWanted() | AnnexesWanted():
            raise UsageError("query.unknown", "members exchange entries by their lanes")


def answer_to_gone(queries: GroupQueries, wanted: Wanted, device_key: bytes) -> Value:
    """What somebody whose membership is over is answered (J23): the way to the last final block with its own
    row there, and what there was up to the block that ended it.

    Errors: UsageError query.members_only, and those of `answer_to`.
    """
    if isinstance(wanted, FinalWanted):
        row = row_shown(queries, device_key)
        if row is None:
            raise members_only()
        return _final(queries, wanted, row)
    end = queries.endings.end_of(device_key) if is_gone(queries.chain, device_key) else None
    if end is None:
        raise members_only()
    match wanted:
        case BlocksWanted(first, last) if first <= end.height:
            return _blocks(queries, BlocksWanted(first, min(last, end.height)))
        case EntriesWanted(wants):
            return {"runs": _runs_until(queries, wants, end)}
        case AnnexesWanted(hashes):
            return {"annexes": _annexes(queries, hashes)}
        case _:
            raise members_only()


def _runs_until(queries: GroupQueries, wants: Sequence[Want], end: End) -> bytes:
    """Runs for the first wants, none of them beyond the last readable entry of its lane."""
    founding = queries.founding()
    group = check_alone(founding.header, founding.signature, founding.payload).group
    bounded = [
        want._replace(last=min(want.last, end.lasts.get((want.author, want.lane), -1))) for want in wants
    ]
    return pack_runs(read_bounded(queries, group, bounded, _RUNS_BYTES_MAX), compress=False)


def _annexes(queries: GroupQueries, hashes: Sequence[bytes]) -> list[Value]:
    """Annexes that fit. Whoever names one has read the entry that does, but headers name bodies of blocks."""
    found: list[Value] = []
    size = 0
    for annex in queries.annexes(hashes):
        size += len(annex)
        if not _is_of_block(annex) and (not found or size <= _RUNS_BYTES_MAX):
            found.append(annex)
    return found


def _is_of_block(annex: bytes) -> bool:
    """Whether an annex is the body or the header of a block."""
    for decode in (decode_body, decode_header):
        try:
            decode(annex)
        except FormatError:
            continue
        return True
    return False


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

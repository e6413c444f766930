"""Running a block on top of a state: for the next block of the chain, and for one of the past again.

Nothing is written here; what the entries of the block are, and whether it may be voted for, is the caller's
business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from p2pnode.chain.candidates import Found
from p2pnode.consensus.block import Roots, Tip
from p2pnode.consensus.cut import ordering
from p2pnode.consensus.execution import BlockContext, Execution, Seal, executing, read_cut
from p2pnode.consensus.format import Body, Configuration, ops_leaf
from p2pnode.consensus.merkle import merkle_root
from p2pnode.consensus.rows import Rows, State
from p2pnode.consensus.slices import SLICE_STEPS, Slices
from p2pnode.consensus.trie import TrieChange, updating
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.executing import check_rules
from p2pnode.replication.fork import check_fork_proof
from p2pnode.store.chain_tables import ChainQueries
from p2pnode.vocabulary import BLOCK_RULES


class Ran(NamedTuple):
    """What running a block gives. Shapes: ordered are its entries in order of execution."""

    execution: Execution
    trie: TrieChange
    configuration: Configuration
    roots: Roots
    ordered: tuple[Found, ...]

    @property
    def voids(self) -> tuple[tuple[int, str], ...]:
        """Positions of the entries that a rule refused, with that rule."""
        rules = dict(self.execution.outcomes)
        return tuple(
            (item.position, rules[item.candidate.id]) for item in self.ordered if rules[item.candidate.id]
        )

    @property
    def late(self) -> tuple[tuple[bytes, str], ...]:
        """Outcomes of entries of later rules that earlier blocks ordered and this one ran (J6)."""
        return self.execution.outcomes[len(self.ordered) :]


def running(
    rows: ChainQueries,
    tip: Tip,
    voted_by: Configuration | None,
    body: Body,
    found: Sequence[Found],
    time_ms: int,
) -> Slices[Ran]:
    """Run a block on the rows of the tip, in slices (J30). Shapes: voted_by are those who decided about the
    tip.

    Errors: LaterRules, also where a snapshot brought a state of later rules.
    """
    check_rules(rows)
    by_id = {item.candidate.id: item for item in found}
    candidates = yield from ordering([item.candidate for item in found], tip.id)
    ordered = tuple(by_id[candidate.id] for candidate in candidates)
    context = BlockContext(
        group=tip.group,
        height=tip.height + 1,
        time_ms=time_ms,
        previous=tip.id,
        signers=_signers(body, voted_by),
        moved=tuple(sorted({entry.key for entry in body.cut})),
    )
    entries = [item.entry for item in ordered]
    seals = _seals_of(rows, body.seals)
    execution = yield from executing(rows, context, body.cut, seals, entries, BLOCK_RULES)
    trie = yield from updating(tip.state_root, execution.changes, rows.trie_node)
    after = State(rows)
    after.apply(execution.changes)
    configuration = configuration_of(after)
    leaves: list[bytes] = []
    for outcome in execution.outcomes:
        leaves.append(ops_leaf(*outcome))
        if not len(leaves) % SLICE_STEPS:
            yield
    roots = Roots(merkle_root(leaves), trie.root, configuration.hash)
    return Ran(execution, trie, configuration, roots, ordered)


def sealed_with(sealed: Collection[bytes], proofs: Iterable[bytes]) -> frozenset[bytes]:
    """The keys that are sealed once some proofs of forks have stood in a block."""
    return frozenset(sealed) | {check_fork_proof(proof).author for proof in proofs}


def _signers(body: Body, voted_by: Configuration | None) -> tuple[bytes, ...]:
    """The members in the certificate inside a body: what this node's own holds may be more or fewer."""
    if body.parent is None or voted_by is None:
        return ()
    return tuple(voted_by.voters[index][0] for index in body.parent.signers)


def _seals_of(rows: Rows, proofs: Iterable[bytes]) -> list[Seal]:
    """What seals in a block strike: a forked lane counts up to the fork, or as far as it was final (J17)."""
    seals: list[Seal] = []
    for encoded in proofs:
        proof = check_fork_proof(encoded)
        final = read_cut(rows, proof.author, proof.lane)
        keep = max(proof.seq - 1, -1 if final is None else final[0])
        seals.append(Seal(proof.author, proof.lane, keep))
    return seals

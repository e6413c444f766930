"""How logs travel: frontiers, runs, fork proofs and the conversation between two peers, all without I/O."""

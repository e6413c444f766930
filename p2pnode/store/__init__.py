"""The only SQL: one file for each group, and `node.db` for what belongs to the node."""

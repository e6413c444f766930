-- The chain of a group: its final blocks, the state after the last of them, and what became of its entries.
-- certificate is the quorum under this block, which the next block's body carries too.
CREATE TABLE block (
    height INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    header BLOB NOT NULL,
    body BLOB NOT NULL,
    certificate BLOB NOT NULL,
    configuration BLOB NOT NULL
);

CREATE TABLE state_row (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE trie_node (hash BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;

-- Final entries that a rule refused. Final is what lies at or below a lane's `decided`; the rest of it held.
CREATE TABLE void (position INTEGER PRIMARY KEY, rule TEXT NOT NULL);

-- Entries that call for an order; those above a lane's `decided` are provisional.
DROP TABLE governed;
CREATE TABLE governed (position INTEGER PRIMARY KEY);

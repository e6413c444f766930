-- One group: its lanes, its entries, what was derived from them.
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE lane (
    number INTEGER PRIMARY KEY,
    author BLOB NOT NULL,
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    depth INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    decided INTEGER NOT NULL,
    acked INTEGER NOT NULL,
    acked_open INTEGER NOT NULL,
    viewed INTEGER NOT NULL,
    checked INTEGER NOT NULL,
    ended_at INTEGER,
    ended_id BLOB NOT NULL,
    ended_rule TEXT NOT NULL,
    changed INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    UNIQUE (author, lane)
);

-- position = lane number << 40 | seq: entries of a lane lie together, and no index on (lane, seq) is needed. The id is
-- the hash of the header and is not stored; its first eight bytes are, for finding an entry by id.
CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    prefix INTEGER NOT NULL,
    header BLOB NOT NULL,
    signature BLOB,
    payload BLOB,
    checked INTEGER NOT NULL
);
CREATE INDEX entry_prefix ON entry (prefix);

-- Entries that name others. targets is NULL until all of them are delivered, then their positions, eight bytes each.
CREATE TABLE ack (position INTEGER PRIMARY KEY, targets BLOB);

-- Entries whose types change who belongs to the group. decided_order is NULL until a voter's lane covers them.
CREATE TABLE governed (position INTEGER PRIMARY KEY, decided_order INTEGER, decided_ms INTEGER);

-- The proof of each lane's lowest known fork.
CREATE TABLE fork (author BLOB NOT NULL, lane INTEGER NOT NULL, proof BLOB NOT NULL, PRIMARY KEY (author, lane));

-- Headers of dead branches that entries here name, and that lie in no lane here.
CREATE TABLE dead (id BLOB PRIMARY KEY, header BLOB NOT NULL) WITHOUT ROWID;

-- content is NULL while the annex is wanted.
CREATE TABLE annex (hash BLOB PRIMARY KEY, position INTEGER NOT NULL, content BLOB) WITHOUT ROWID;
CREATE INDEX annex_wanted ON annex (hash) WHERE content IS NULL;

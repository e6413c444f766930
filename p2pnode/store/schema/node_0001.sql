-- What belongs to the node: its durable promises (outbox, marks), and the peers it knows.
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- The bytes of own entries until the group's file is known to be on disk (J34). The newest of a group is forgotten only
-- when a newer one stands here, so numbers rise without AUTOINCREMENT, which would write one more page for each entry.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    group_id BLOB NOT NULL,
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    header BLOB NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL
);

-- High-water marks: the last seq this key signed in each lane. Never goes down.
CREATE TABLE mark (
    group_id BLOB NOT NULL,
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (group_id, lane)
) WITHOUT ROWID;

-- Groups of this node. state: joining, member, restored (sign nothing until a peer has confirmed our heads), forgetting.
-- The founding entry stands here too, so that a damaged group file can be refilled from peers.
CREATE TABLE membership (
    group_id BLOB PRIMARY KEY,
    state TEXT NOT NULL,
    link TEXT NOT NULL,
    annex BLOB,
    founding_header BLOB,
    founding_signature BLOB,
    founding_payload BLOB
) WITHOUT ROWID;

CREATE TABLE peer (
    key BLOB PRIMARY KEY,
    addresses TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE cursor (
    peer BLOB NOT NULL,
    group_id BLOB NOT NULL,
    epoch BLOB NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (peer, group_id)
) WITHOUT ROWID;

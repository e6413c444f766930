-- States that blocks have left behind stay for a while, for those who are fetching one: nodes of the trie that the last
-- state no longer reaches, with the height that left them; and the key of each leaf's row, with its value once the row has
-- another one.
CREATE TABLE retired (hash BLOB PRIMARY KEY, height INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX retired_height ON retired (height);
CREATE TABLE leaf (hash BLOB PRIMARY KEY, key BLOB NOT NULL, value BLOB) WITHOUT ROWID;

-- A snapshot on its way: final blocks above the tip, each with the configuration after it, and chunks of the state.
CREATE TABLE coming_block (
    height INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    header BLOB NOT NULL,
    body BLOB NOT NULL,
    certificate BLOB NOT NULL,
    configuration BLOB NOT NULL,
    convocation BLOB,
    following BLOB NOT NULL
);
CREATE TABLE coming_chunk (number INTEGER PRIMARY KEY, content BLOB NOT NULL);

-- The state that this node worked out itself while it runs the history behind a snapshot.
CREATE TABLE replay_row (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE replay_node (hash BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;

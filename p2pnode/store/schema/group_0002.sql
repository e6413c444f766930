-- Views: derived from entries, thrown away and rebuilt when their version changes.
CREATE TABLE contribution (
    position INTEGER NOT NULL,
    item INTEGER NOT NULL,
    author BLOB NOT NULL,
    time_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    void TEXT,
    PRIMARY KEY (position, item)
) WITHOUT ROWID;
CREATE INDEX contribution_time ON contribution (time_ms);
CREATE TABLE claim (
    root BLOB NOT NULL,
    commit_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (root, commit_id)
) WITHOUT ROWID;

-- The annexes of promised entries, until they too are on disk in the group's file. number: the last promise that they came with.
CREATE TABLE outbox_annex (
    number INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    content BLOB NOT NULL
);

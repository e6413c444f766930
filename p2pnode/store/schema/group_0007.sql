-- Devices whose reading ended (J23): the height of the block that ended it, and how far each lane was ordered by then.
CREATE TABLE ended (device BLOB PRIMARY KEY, height INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ended_cut (height INTEGER PRIMARY KEY, cut BLOB NOT NULL);

-- A state on its way is kept beside the one that holds, chunk by chunk, and takes its place in one step; what left its place
-- in such a step is cleared in slices.
DROP TABLE coming_chunk;
CREATE TABLE coming_row (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE coming_node (hash BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE coming_leaf (hash BLOB PRIMARY KEY, key BLOB NOT NULL, value BLOB) WITHOUT ROWID;

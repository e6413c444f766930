-- Devices whose reading ended (J23): the height of the block that ended it, and how far each lane was ordered by then.
CREATE TABLE ended (device BLOB PRIMARY KEY, height INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ended_cut (height INTEGER PRIMARY KEY, cut BLOB NOT NULL);

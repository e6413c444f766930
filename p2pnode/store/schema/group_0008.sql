-- The last seq of a lane of votes whose entries are not kept any more (J18), -1 where all are.
ALTER TABLE lane ADD COLUMN pruned INTEGER NOT NULL DEFAULT -1;

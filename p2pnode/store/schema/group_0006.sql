-- What became of entries of later rules in the block that raised the rule version, in the order of their execution there.
CREATE TABLE late_outcome (
    height INTEGER NOT NULL,
    number INTEGER NOT NULL,
    entry BLOB NOT NULL,
    rule TEXT NOT NULL,
    PRIMARY KEY (height, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX late_outcome_entry ON late_outcome (entry);

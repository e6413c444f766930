-- Where rows of the economy stand in the lists that people see: rank falls from the first to the last of a list, and ids
-- fall among those of one rank. list numbers the kinds of rows (`economy/listing.py`), agent is the start of the id of
-- whom a row concerns, 0 for everybody. It follows from state_row and is made again when the views are.
CREATE TABLE listed (
    list INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (list, agent, rank, id)
) WITHOUT ROWID;
CREATE TABLE coming_listed (
    list INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (list, agent, rank, id)
) WITHOUT ROWID;

-- The closes on which a block of a second convocation rests; NULL for the others.
ALTER TABLE block ADD COLUMN convocation BLOB;

"""Pure foundations: bytes, hashes, signatures, entries and the words for what can happen to them."""

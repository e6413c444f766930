"""The wire protocols, one file each, over a plain stream of bytes; README.md is the written format."""

from protocols import bulk, join, proof, query, sync

PROTOCOLS = (sync, bulk, join, query, proof)
"""Each has an ID and `serve(stream, port=...)`; a new protocol is a file and a name here."""

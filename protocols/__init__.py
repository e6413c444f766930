"""The wire protocols, one file each, over a plain stream of bytes; README.md is the written format."""

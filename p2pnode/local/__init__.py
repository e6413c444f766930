"""The way in for this computer's user: the HTTP API on loopback, its client, and what both speak of."""

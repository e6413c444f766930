"""Every bound of the written format and of a node's patience, each with its reason."""

from __future__ import annotations

HEADER_BYTES_MAX = 1024
"""A header with eight acks and the longest type stays under 600 bytes; the rest is room for later
versions.
"""

PAYLOAD_BYTES_MAX = 64 * 1024
"""An entry is a fact, not a file: larger content is an attachment named by its hash."""

ANNEX_BYTES_MAX = 64 * 1024
ANNEX_SALT_BYTES = 32
"""Random bytes before an annex's content, so that its hash does not betray a short text (J11)."""

ACKS_MAX = 8
"""Acknowledging every concurrent entry is not needed: coverage is transitive (J2)."""

TYPE_CHARACTERS_MAX = 32
"""A type is a word for programs; 32 characters name thousands of them."""

NESTING_MAX = 8
"""No fact needs deeper nesting, and a decoder's stack stays small."""

ITEMS_MAX = 4096
"""More items than this in one value belong into several entries."""

SEQ_MAX = (1 << 40) - 1
"""Positions pack (lane number, seq) into one 64-bit integer."""

COUNTER_MAX = (1 << 53) - 1
"""Depths and times stay exact in every language's ordinary number."""

CLOCK_AHEAD_MS_MAX = 10 * 60 * 1000
"""An entry of an author whose clock is further ahead waits; it is never refused for it."""

AUTHENTIC_STEPS_MAX = 512
"""How far a signed successor vouches for its predecessors (J5)."""

RUN_ENTRIES_MAX = 500
"""Entries in one run, below AUTHENTIC_STEPS_MAX so that one signature covers a run."""

RUN_BYTES_MAX = 256 * 1024
"""A run is closed at this size; a frame holds at least one run."""

FRAME_BYTES_MAX = 1024 * 1024
CREDIT_BYTES = 2 * 1024 * 1024
"""What a receiver lets a sender have under way before something is durable."""

NEWCOMER_ENTRIES_MAX = 64
"""What a provisionally admitted newcomer may write (J21)."""

NEWCOMER_BYTES_MAX = 256 * 1024
"""Room for 64 ordinary entries and for nobody's flood."""

MEMBERS_MAX = 1000
"""A group of people who decide together; larger bodies are federations of groups."""

FOUNDERS_MAX = 16
"""All founders' inceptions and signatures fit into one payload beside the charter."""

BATCH_RECORDS_MAX = 500
"""A batch of meter readings fills a payload at about this many (J13)."""

INVITATION_USES_MAX = 1000
"""No invitation lets in more people than a group may have."""

INVITATION_ADDRESSES_MAX = 16
"""A link has to fit into a QR code."""

FULL_HEADS_LANES_MAX = 4096
"""Beyond this many lanes, heads are reconciled by ranges instead of being listed."""

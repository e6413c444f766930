"""The node: a signed log of contributions, replicated between equals."""

__version__ = "0.1.0"

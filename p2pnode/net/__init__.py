"""The one door to libp2p: hosts, streams, dialling, discovery, gossip. Nothing else imports libp2p."""

# First, so that it comes before the first import of libp2p in any file of this package.
from p2pnode.net import deferred as deferred

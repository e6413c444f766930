"""The one door to libp2p: hosts, streams, dialling, discovery, gossip. Nothing else imports libp2p."""

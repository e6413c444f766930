"""The chain of a group on this node: between the rules of voting and the log of entries."""

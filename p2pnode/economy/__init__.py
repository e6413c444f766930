"""Pure entry types of the economy, in the words of ValueFlows."""

"""Pure agreement of a group on the order of its entries."""

"""Readers of what people already have: each turns one kind of outside record into claims for a group."""

"""Readers are given damaged files until one of them fails in a way that is not its own error."""

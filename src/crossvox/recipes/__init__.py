"""The only place where rooms meet: each recipe reads as a list of steps."""

"""The documents: what they show is made and checked here, and so are the borders that they draw."""

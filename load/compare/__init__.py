"""Two builds or hosts are compared: what they are, their stacks, and the blocks of load in turn."""

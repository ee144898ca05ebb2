"""Several machines make one load: how they join, what they are given, and how their records come home."""

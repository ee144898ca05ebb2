"""Was the question asked properly, and were the guarantees kept."""

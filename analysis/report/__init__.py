"""Shows what was found: page, pictures, terminal, summaries, JUnit."""

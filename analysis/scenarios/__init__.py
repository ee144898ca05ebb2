"""Answers the question of each scenario, one file a question."""

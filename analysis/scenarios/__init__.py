"""Answers the question of each scenario, in a file for each question."""

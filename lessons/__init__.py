"""Experiments that show each lesson of docs/lessons.md: a mistake and its cure, side by side on real servers."""

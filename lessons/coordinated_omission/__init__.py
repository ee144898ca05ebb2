"""Lesson: a stop of three seconds, as a closed load and as an open load report it."""

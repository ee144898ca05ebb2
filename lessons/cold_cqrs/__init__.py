"""Lesson: a read model that is rebuilt in place, and one that is built in generations."""

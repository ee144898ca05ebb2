"""Lesson: a service that answers 200 with another book, tested by status and by content."""

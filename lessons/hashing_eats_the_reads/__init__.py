"""Lesson: passwords hashed in the threads that answer reads, and behind a bulkhead."""

"""Lesson: a client that sends a request again by itself, and one that sends each once."""

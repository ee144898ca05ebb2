"""The project's tests, in the folders of what they test."""

"""The formats of a results folder and their readers."""

"""Reads a results folder and says what the run showed; starts nothing and sends nothing."""

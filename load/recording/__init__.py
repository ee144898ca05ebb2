"""Writes down what a load and the services do, second by second."""

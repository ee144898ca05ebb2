"""Measures what the services do per second, against a bare route, a bare driver and bcrypt alone."""

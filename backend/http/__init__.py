"""Builds the Flask app of a service: errors, bodies, shapes, and the pages that every service has."""

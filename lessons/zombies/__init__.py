"""Lesson 4: connections that MariaDB closed while they were idle, and what finds them."""

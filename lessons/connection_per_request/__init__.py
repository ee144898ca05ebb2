"""Lesson 2: a connection per request, until MariaDB takes no more, from the service beside it either."""

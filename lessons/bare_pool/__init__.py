"""Lesson 3: the connector's own pool: empty at once, one lock for the whole process, a slot lost for an error."""

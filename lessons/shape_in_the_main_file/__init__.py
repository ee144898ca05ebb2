"""Lesson 5: a shape in the main locustfile makes every run another one, and nothing says so."""

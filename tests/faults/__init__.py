"""Fault experiments: what the services still promise while a part of them is broken; `python -m tests.faults`."""

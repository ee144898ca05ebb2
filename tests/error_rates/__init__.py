"""Simulates how often the rule of the soak errs, and what growth it finds: `python -m tests.error_rates`."""

"""Makes the load: virtual users, what is recorded of them, and what happens before and after a load."""

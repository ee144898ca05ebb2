"""The services as a client sees them: addresses, accounts, sessions and the catalogue."""

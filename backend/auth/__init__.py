"""Accounts, passwords, the limit on failed log-ins, and the issuing and ending of sessions."""

"""The read model in Redis: what a book is there, how it is looked up, kept up to date, rebuilt and verified."""

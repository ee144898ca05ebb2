"""Tells whether one build or run is slower than another, with error rates that are known (docs/compare.md)."""

"""What the two services share: everything behind their routes."""

__version__ = "1.0.0"

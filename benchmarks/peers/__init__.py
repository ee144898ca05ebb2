"""What the services are compared with."""

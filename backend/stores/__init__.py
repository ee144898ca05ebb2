"""The connections to MariaDB and Redis, and what protects the services when a store fails."""

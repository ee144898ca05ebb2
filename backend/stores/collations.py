"""Says which columns of the database compare names in another way than the services and the read model do.

Those of tables that an administrator made with another collation, or an older init.sql in a database of theirs: with
PAD SPACE 'Fiction' equals 'Fiction ', with a case-insensitive one 'fiction' too. init.sql converts them.
"""

from typing import Any

from backend.stores.mariadb import STORE_ERRORS, Connection, Cursor, connection_arguments

OTHERS = """
  SELECT CONCAT(table_name, '.', column_name) AS name FROM information_schema.columns
  WHERE table_schema = DATABASE() AND collation_name <> 'utf8mb4_nopad_bin' AND (table_name, column_name) IN (
    ('users', 'email'), ('users', 'email_key'), ('authors', 'name'), ('authors', 'name_key'),
    ('genres', 'name'), ('genres', 'name_key'), ('formats', 'name'), ('formats', 'name_key'),
    ('books', 'title'), ('books', 'title_key'), ('idempotency_keys', 'idempotency_key'))
  ORDER BY name
"""


def find_other_collations() -> list[str]:
    """Give these columns as `table.column`; none when MariaDB does not say."""
    try:
        connection = Connection(**connection_arguments())  # of its own: the master forks, and keeps none
    except STORE_ERRORS:
        return []
    try:
        with Cursor(connection) as cursor:
            cursor.execute(OTHERS)
            rows: list[Any] = cursor.fetchall()
            return [row["name"] for row in rows]
    except STORE_ERRORS:
        return []
    finally:
        connection.close()

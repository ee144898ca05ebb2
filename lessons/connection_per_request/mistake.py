"""Two services that open a connection to MariaDB for each request: one serves /books, the other beside it /users."""

import os

import mysql.connector
from flask import Flask
from flask.typing import ResponseReturnValue

QUERIES = {"books": "SELECT MIN(title) FROM books", "users": "SELECT COUNT(*) FROM users"}

app = Flask(__name__)


@app.get("/<table>")
def read(table: str) -> ResponseReturnValue:
    """Answer 200 when MariaDB has answered, else 500 with what the driver said."""
    try:
        connection = mysql.connector.connect(
            host=os.environ["DB_HOST"],
            port=int(os.environ["DB_PORT"]),
            user=os.environ["DB_USER"],
            password=os.environ["DB_PASSWORD"],
            database=os.environ["DB_NAME"],
            charset="utf8mb4",
            collation="utf8mb4_bin",
            use_pure=False,
            ssl_disabled=True,
        )
    except mysql.connector.Error as error:
        return {"error": str(error)}, 500  # 1040: Too many connections
    try:
        cursor = connection.cursor()
        cursor.execute(QUERIES[table])
        cursor.fetchall()
        return {"table": table}
    finally:
        connection.close()

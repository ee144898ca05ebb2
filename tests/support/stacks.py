"""Starts and stops private stacks with local_stack.sh, and reads the stack.env file that describes one."""

import os
import subprocess
from pathlib import Path

import mysql.connector
import psutil
from dotenv import dotenv_values
from mysql.connector import MySQLConnection

from stack.ports import find_free_ports

PROJECT = Path(__file__).resolve().parents[2]
Stack = dict[str, str]  # the keys of stack.env
PIDS = ["DB_PID", "REDIS_PID", "AUTH_PID", "BOOKS_PID"]


def choose_settings(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a stack in `folder`, on ports of its own and with cheap password hashes."""
    auth_port, books_port = find_free_ports(2)
    chosen = {"STACK_DIR": str(folder), "AUTH_PORT": str(auth_port), "BOOKS_PORT": str(books_port)}
    return {"BCRYPT_ROUNDS": "4", **chosen, **settings}


def run_local_stack(command: str, settings: dict[str, str]) -> None:
    """Run one command of local_stack.sh; AssertionError with its words when it fails."""
    ran = subprocess.run(
        [PROJECT / "local_stack.sh", command],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, f"local_stack.sh {command}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"


def ask(command: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command of local_stack.sh and return what it printed and its exit code."""
    return subprocess.run(
        [PROJECT / "local_stack.sh", command],
        check=False,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=300,
    )


def read_stack(stack_env: Path) -> Stack:
    """Return the keys and values of a stack.env file."""
    values = dotenv_values(stack_env, interpolate=False)
    return {key: value for key, value in values.items() if value is not None}


def start_stack(settings: dict[str, str]) -> Stack:
    """Bring the stack of these settings up, or up again, and return its stack.env."""
    run_local_stack("up", settings)
    return read_stack(Path(settings["STACK_DIR"]) / "stack.env")


def find_folder(stack: Stack) -> Path:
    """Return the STACK_DIR of a running stack."""
    return Path(psutil.Process(int(stack["AUTH_PID"])).environ()["STACK_DIR"])


def is_alive(pid: str) -> bool:
    """True if that process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def connect_to_mariadb(stack: Stack) -> MySQLConnection:
    """Return a connection of the test's own to the stack's database, in autocommit."""
    connection = mysql.connector.connect(
        host=stack["DB_HOST"],
        port=int(stack["DB_PORT"]),
        user=stack["DB_USER"],
        password=stack["DB_PASSWORD"],
        database=stack["DB_NAME"],
        charset="utf8mb4",
        collation="utf8mb4_bin",
        autocommit=True,
        use_pure=True,
        connection_timeout=5,
    )
    assert isinstance(connection, MySQLConnection)
    return connection


def count_deadlocks(stack: Stack) -> int:
    """Return how many deadlocks MariaDB has resolved so far."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        ((_, count),) = cursor.fetchall()
    return int(str(count))


def change_stock_in_mariadb(stack: Stack, isbn: str, stock: int) -> None:
    """Write past the services, as no read model could have noticed."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE books SET stock = %s WHERE isbn = %s", (stock, isbn))


def run_as_administrator(settings: dict[str, str], text: bytes) -> None:
    """Run SQL as the administrator of the MariaDB of the stack with these settings."""
    data = Path(settings["STACK_DIR"]) / "data"
    command = ["mariadb", "--no-defaults", "--protocol=socket", f"--socket={data}/mariadb.sock", "--user=root"]
    subprocess.run([*command, "--default-character-set=utf8mb4"], input=text, check=True, timeout=60)

"""The borders of the architecture: services and load side meet only at HTTP, and queries change nothing."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SERVICES = ["app_jwt_redis.py", "microservicioCQRSRedis.py", "gunicorn.conf.py"]
SERVICE_SIDE = [PROJECT / name for name in SERVICES] + sorted(PROJECT.glob("backend/*.py"))
LOAD_SIDE = sorted(path for path in PROJECT.glob("*.py") if path.name not in SERVICES) + sorted(
    PROJECT.glob("analysis/*.py")
)
CHANGING_SQL = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "CREATE", "DROP", "ALTER", "FOR UPDATE")


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of all that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", SERVICE_SIDE, ids=lambda path: path.name)
def test_the_services_import_nothing_of_the_load_side(path: Path) -> None:
    load_side = {other.stem for other in LOAD_SIDE} | {"locust", "gevent", "analysis"}
    assert not {name.partition(".")[0] for name in imports_of(path)} & load_side


@pytest.mark.parametrize("path", LOAD_SIDE, ids=lambda path: path.name)
def test_the_load_side_imports_nothing_of_the_services(path: Path) -> None:
    services = {"backend", "app_jwt_redis", "microservicioCQRSRedis"}
    assert not {name.partition(".")[0] for name in imports_of(path)} & services


def test_the_load_side_is_really_looked_at() -> None:
    assert {"locustfile.py", "locust_actions.py", "register_users.py"} <= {path.name for path in LOAD_SIDE}
    assert "locust" in {name.partition(".")[0] for name in imports_of(PROJECT / "locustfile.py")}


def test_queries_hold_no_sql_that_changes_and_only_the_reading_door() -> None:
    text = (PROJECT / "backend" / "queries.py").read_text()
    strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    sql = [string for string in strings if isinstance(string, str) and ("SELECT" in string or "WHERE" in string)]
    assert sql, "no SQL found: this test looks in the wrong place"
    assert not [word for word in CHANGING_SQL for string in sql if word in string]
    assert "backend.database.reading" in imports_of(PROJECT / "backend" / "queries.py")
    assert "backend.database.writing" not in imports_of(PROJECT / "backend" / "queries.py")


def test_get_routes_of_the_books_service_go_only_to_queries() -> None:
    tree = ast.parse((PROJECT / "microservicioCQRSRedis.py").read_text())
    routes = 0
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
        called = {name.id for name in ast.walk(function) if isinstance(name, ast.Name)}
        if any(".get(" in decorator for decorator in decorators):
            routes += 1
            assert "queries" in called and "commands" not in called, function.name
        elif decorators:
            routes += 1
            assert "commands" in called and "queries" not in called, function.name
    assert routes == 5

"""The borders of the architecture: which wing and which layer may import which, and that queries change nothing."""

import ast
import re
from pathlib import Path

import pytest

from load.machines.build import CODE

PROJECT = Path(__file__).parents[2]
SERVICES = ["app_jwt_redis.py", "microservicioCQRSRedis.py", "gunicorn.conf.py"]
SERVICE_SIDE = [PROJECT / name for name in SERVICES] + sorted(PROJECT.glob("backend/**/*.py"))
LOAD_DOORS = sorted(path for path in PROJECT.glob("*.py") if path.name not in SERVICES)
LOAD_SIDE = LOAD_DOORS + sorted(PROJECT.glob("load/**/*.py"))
LESSONS = sorted(PROJECT.glob("lessons/**/*.py"))
STACK = sorted(PROJECT.glob("stack/*.py"))
ANALYSIS = sorted(PROJECT.glob("analysis/**/*.py"))
FORMATS = ("analysis.plan", "analysis.records")  # what the load side may import of the analysis
RULES = ("analysis.checks", "analysis.findings")  # and the search, which judges its steps as the report does
SEARCH = PROJECT / "load" / "run" / "search_shape.py"
# From the top down: a layer imports those below it, and none beside it.
LAYERS = {
    "backend": [["http"], ["auth", "catalogue"], ["read_model"], ["server"], ["stores"], [""]],
    "load": [["compare"], ["users"], ["run"], ["machines"], ["recording"], ["client"], [""]],
    "analysis": [
        ["compare"],
        ["summarize", "progress"],
        ["report"],
        ["verdicts"],
        ["scenarios"],
        ["checks"],
        ["plan", "records", ""],
    ],
}
CHANGING_SQL = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "CREATE", "DROP", "ALTER", "FOR UPDATE")


def imports_of(path: Path) -> set[str]:
    """Return the names of all modules that a file imports, inside functions too, and of what it takes from them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def wings_of(path: Path) -> set[str]:
    """Return the first parts of the names that a file imports."""
    return {name.partition(".")[0] for name in imports_of(path)}


def layer_of(name: str) -> int:
    """Return the place of a module `wing.layer.module` among the layers of its wing, 0 at the top."""
    wing, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    places = [place for place, layers in enumerate(LAYERS[wing]) if first in layers]
    return places[0] if places else len(LAYERS[wing]) - 1  # a module of the ground, or the wing itself


def side_of(name: str) -> str:
    """Return the folder of a module in its wing, or nothing for the ground."""
    wing, _, rest = name.partition(".")
    return rest.partition(".")[0] if (PROJECT / wing / rest.partition(".")[0]).is_dir() else ""


def list_modules() -> list[tuple[str, str]]:
    """Return each module of the wings with layers, and each name of the same wing that it imports."""
    pairs = []
    for wing in LAYERS:
        for path in sorted(PROJECT.glob(f"{wing}/**/*.py")):
            module = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
            pairs += [(module, name) for name in sorted(imports_of(path)) if name.startswith(f"{wing}.")]
    return pairs


@pytest.mark.parametrize("path", SERVICE_SIDE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_services_import_nothing_of_the_load_side(path: Path) -> None:
    assert not wings_of(path) & ({door.stem for door in LOAD_DOORS} | {"load", "locust", "gevent", "analysis"})


@pytest.mark.parametrize("path", LOAD_SIDE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_load_side_imports_nothing_of_the_services_and_of_the_analysis_only_formats(path: Path) -> None:
    assert not wings_of(path) & {"backend", "app_jwt_redis", "microservicioCQRSRedis"}
    allowed = FORMATS + RULES if path == SEARCH else FORMATS
    assert not [name for name in imports_of(path) if name.startswith("analysis.") and not name.startswith(allowed)]


def test_the_code_that_all_machines_of_a_load_must_share_is_all_that_the_load_imports() -> None:
    folders = {path.parent.name for path in PROJECT.glob("*/__init__.py")}
    imported = {wing for path in LOAD_SIDE for wing in wings_of(path)} & folders
    assert {"load", "analysis"} <= imported == {pattern.partition("/")[0] for pattern in CODE if "/" in pattern}


@pytest.mark.parametrize("path", sorted(PROJECT.glob("load/**/*.py")), ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_behind_the_doors_of_the_load_imports_a_door(path: Path) -> None:
    assert not wings_of(path) & {door.stem for door in LOAD_DOORS}


@pytest.mark.parametrize("path", ANALYSIS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_analysis_imports_neither_services_nor_load(path: Path) -> None:
    others = {"backend", "load", "locust", "gevent", "requests"} | {door.stem for door in LOAD_DOORS}
    assert not wings_of(path) & others


@pytest.mark.parametrize("path", STACK, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_stack_imports_nothing_of_the_project(path: Path) -> None:
    assert not wings_of(path) & {"backend", "load", "analysis", "lessons", "benchmarks", "locust", "gevent"}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_process_of_the_lessons_holds_both_locust_and_the_services(path: Path) -> None:
    wings, is_program = wings_of(path), path.parent.name != "lessons" and path.name != "experiment.py"
    assert not wings & {"load", *(door.stem for door in LOAD_DOORS)}
    assert not wings & {"backend", "locust", "gevent"} or is_program
    assert not {"backend", "locust"} <= wings


def test_no_layer_imports_one_above_or_beside_it() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in list_modules()
        if layer_of(name) < layer_of(module)
        or (layer_of(name) == layer_of(module) and side_of(name) != side_of(module))
    ]
    allowed = ("plan", "records", "")  # of the analysis: its ground
    assert [each for each in wrong if not all(side_of(name) in allowed for name in each.split(" imports "))] == []


def test_every_folder_of_a_wing_is_a_layer() -> None:
    for wing, layers in LAYERS.items():
        folders = {path.parent.name for path in PROJECT.glob(f"{wing}/*/__init__.py")}
        assert folders <= {name for layer in layers for name in layer}, wing


def test_the_wings_are_really_looked_at() -> None:
    assert {"locustfile.py", "user.py", "register_users.py", "preflight.py"} <= {path.name for path in LOAD_SIDE}
    assert "locust" in wings_of(PROJECT / "locustfile.py")
    assert ("backend.catalogue.queries", "backend.read_model.lookup") in list_modules()
    assert layer_of("backend.http.web") < layer_of("backend.auth.sessions") < layer_of("backend.config")


def find_named_modules(text: str) -> set[str]:
    """Return what a text names as a module of the services, the analysis or the tests, with what it takes from it."""
    return set(re.findall(r"\b(?:backend|analysis|tests)(?:\.[A-Za-z_0-9]+)+", text))


def is_there(name: str) -> bool:
    """Tell whether a dotted name is a package, or leads through a module: of what the module holds nothing is asked."""
    parts = name.split(".")
    paths = [PROJECT.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    return paths[-1].is_dir() or any(path.with_suffix(".py").is_file() for path in paths)


def test_every_module_that_a_text_names_is_there() -> None:
    texts = [path for pattern in ("*.py", "*.sh", "*.md") for path in PROJECT.rglob(pattern) if is_ours(path)]
    wrong = [(str(path), name) for path in texts for name in find_named_modules(path.read_text()) if not is_there(name)]
    assert wrong == []
    assert [is_there(f"backend.{name}") for name in ("stores.pool.reading", "stores", "base")] == [True, True, False]


def is_ours(path: Path) -> bool:
    """Tell whether a file is the project's own; the changelog also names what was there before."""
    parts = path.relative_to(PROJECT).parts
    return not parts[0].startswith((".", "test_results_")) and path.name != "CHANGELOG.md"


def test_queries_hold_no_sql_that_changes_and_only_the_reading_door() -> None:
    path = PROJECT / "backend" / "catalogue" / "queries.py"
    strings = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    sql = [string for string in strings if isinstance(string, str) and ("SELECT" in string or "WHERE" in string)]
    assert sql, "no SQL found: this test looks in the wrong place"
    assert not [word for word in CHANGING_SQL for string in sql if word in string]
    assert "backend.stores.pool.reading" in imports_of(path)
    assert "backend.stores.pool.writing" not in imports_of(path)


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

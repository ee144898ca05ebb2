"""The READMEs tell what is installed and what the tool's own sentences mean: each of them is in the code."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.stacks import PROJECT

VARIES = "..."  # stands in a README for what a sentence fills in
SCRIPTS = [*PROJECT.glob("*.py"), *PROJECT.glob("analysis/*.py")]
SHELL = [PROJECT / name for name in ("local_stack.sh", "run_all_tests.sh")]
SHELL += sorted((PROJECT / "stack").glob("*.sh"))
FILLED_IN = r"\$\{?[\w*@#/\[\]\"]+\}?|\$\([^()]*\)"
INSTALLERS = {
    "stack/stores.sh": r"MISSING\+=\(([\w-]+)\)",
    "stack/venv.sh": r"install_python_packages ([\w-]+) ",
    "tests/support/browser.py": r'"--no-install-recommends", "([\w-]+)"\]',
    "tests/debian_13.sh": r"--no-remove ([\w-]+) ",
    "benchmarks/wrk.py": r'"--no-remove", "([\w-]+)"\)',
}


def read_readme(name: str) -> str:
    """Return the text of a README."""
    return (PROJECT / name).read_text(encoding="utf-8")


def read_sentences(name: str) -> list[str]:
    """Return the sentences of the table of troubles, that of three columns."""
    rows = re.findall(r"^\| `([^`]+)`(?: \(\w+\))? \|[^|]+\|[^|]+\|$", read_readme(name), re.MULTILINE)
    return [row for row in rows if " " in row]


def find_words() -> Iterator[str]:
    """Yield every text of the code, with "..." for what is filled in: Python's strings, and the lines of the shell."""
    for path in SCRIPTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else VARIES for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in SHELL:
        lines = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8")).splitlines()
        yield from (re.sub(r'" +"', " ", re.sub(FILLED_IN, VARIES, line)) for line in lines)


def is_said(sentence: str, texts: list[str]) -> bool:
    """Tell whether the parts of a sentence between "..." stand one after the other in a text of the code."""
    parts = [re.escape(part) for part in sentence.split(VARIES) if part.strip()]
    return any(re.search(".*".join(parts), text) for text in texts)


WORDS = list(find_words())


@pytest.mark.parametrize("sentence", read_sentences("README.md"))
def test_a_sentence_that_the_readme_explains_is_one_that_the_code_says(sentence: str) -> None:
    assert is_said(sentence, WORDS)


def test_a_sentence_that_has_changed_would_be_seen() -> None:
    assert is_said("... should be the ... service, but ... answers there; ...", WORDS)
    assert not is_said("... should be the ... service, and ... answers there; ...", WORDS)
    assert not is_said("answers there; ... should be the ... service", WORDS)


def test_both_readmes_explain_the_same_ten_sentences() -> None:
    assert len(read_sentences("README.md")) == 10
    assert read_sentences("README.es.md") == read_sentences("README.md")


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_a_readme_names_every_package_that_a_script_installs(name: str) -> None:
    for script, pattern in INSTALLERS.items():
        packages = re.findall(pattern, (PROJECT / script).read_text(encoding="utf-8"))
        assert packages, f"none found in {script}: this test looks in the wrong place"
        assert [package for package in packages if f"`{package}`" not in read_readme(name)] == []


def test_no_script_calls_sudo() -> None:
    scripts = [*PROJECT.glob("*.sh"), *PROJECT.glob("*.py"), *PROJECT.glob("tests/*.sh")]
    assert [path.name for path in scripts if re.search(r"^\s*sudo\b|[\"']sudo\b", path.read_text(), re.MULTILINE)] == []

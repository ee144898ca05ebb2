"""docs/troubleshooting.md names what is installed and explains sentences of the tool: the code has each of them."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.stacks import PROJECT

DOCUMENT = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
VARIES = "..."  # stands in the document for what a sentence fills in
SCRIPTS = [*PROJECT.glob("*.py"), *PROJECT.glob("load/**/*.py"), *PROJECT.glob("analysis/**/*.py")]
SHELL = [PROJECT / name for name in ("local_stack.sh", "run_all_tests.sh")]
SHELL += sorted((PROJECT / "stack").glob("*.sh"))
FILLED_IN = r"\$\{?[\w*@#/\[\]\"]+\}?|\$\([^()]*\)"
INSTALLERS = {
    "stack/install_stores.sh": r"MISSING\+=\(([\w-]+)\)",
    "stack/venv.sh": r"install_python_packages ([\w-]+) ",
    "deploy/install.sh": r"(?:wanted=\(|(?<=\w) )([a-z][\w-]+)(?=(?: [\w-]+)*\)\n)",
    "tests/support/browser.py": r'"--no-install-recommends", "([\w-]+)"\]',
    "tests/debian_13.sh": r"--no-remove ([\w-]+) ",
    "benchmarks/wrk.py": r'"--no-remove", "([\w-]+)"\)',
}


def read_sentences() -> list[str]:
    """Return the sentences of the table of troubles, that of three columns."""
    return re.findall(r"^\| `([^`]+)`(?: \(\w+\))? \|[^|]+\|[^|]+\|$", DOCUMENT, re.MULTILINE)


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


@pytest.mark.parametrize("sentence", read_sentences())
def test_a_sentence_that_the_document_explains_is_one_that_the_code_says(sentence: str) -> None:
    assert is_said(sentence, WORDS)


def test_a_sentence_that_has_changed_would_be_seen() -> None:
    assert is_said("... should be the ... service, but ... answers there; ...", WORDS)
    assert not is_said("... should be the ... service, and ... answers there; ...", WORDS)
    assert not is_said("answers there; ... should be the ... service", WORDS)


def test_the_document_explains_eleven_sentences() -> None:
    assert len(read_sentences()) == 11


def test_the_document_names_every_package_that_a_script_installs() -> None:
    for script, pattern in INSTALLERS.items():
        packages = re.findall(pattern, (PROJECT / script).read_text(encoding="utf-8"))
        assert packages, f"none found in {script}: this test looks in the wrong place"
        assert [package for package in packages if f"`{package}`" not in DOCUMENT] == []


def test_no_script_calls_sudo() -> None:
    scripts = [*PROJECT.glob("*.sh"), *PROJECT.glob("stack/*.sh"), *PROJECT.glob("tests/*.sh"), *PROJECT.glob("*.py")]
    scripts.append(PROJECT / "deploy" / "install.sh")
    assert [path.name for path in scripts if re.search(r"^\s*sudo\b|[\"']sudo\b", path.read_text(), re.MULTILINE)] == []

"""README.md and README.es.md say the same, and every command, file, link and picture in them exists."""

import re
import shlex
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
READMES = ["README.md", "README.es.md"]
TROUBLES = "docs/troubleshooting.md"
LONGEST = 100  # lines of a README: three minutes of a stranger
WIDEST = 120  # columns of its prose
README_WORDS = {("./run_all_tests.sh", "--quick"), ("./run_all_tests.sh", "--host"), ("./local_stack.sh", "up")}
SEEN = dict.fromkeys(READMES, README_WORDS) | {TROUBLES: {("./run_checks.sh", "--long")}}
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTLINE = {"section": r"^#+ ", "table": r"^\|[-|: ]+\|$", "picture": r"^!\[.+\]\(\S+\)$"}
PROJECT_FILE = re.compile(r"[\w./*-]+\.(py|sh|sql|txt|conf|example)")
PROGRAMS = {".", "sudo", "python3", "mysql", "cp", "chmod", "pip", "python", "gunicorn", "locust"}
VM = "docs/vm.md"
OWNERS_LINES = [
    r"mysql -u \S+ -p < init\.sql",
    r"pip install -r requirements\.txt",
    r"python create_users_csv\.py",
    r"python register_users\.py",
    r"gunicorn --bind 0\.0\.0\.0:5000 --workers 2 app_jwt_redis:app",
    r"gunicorn --bind 0\.0\.0\.0:5001 --workers 4 microservicioCQRSRedis:app",
    r"\./run_all_tests\.sh( --.+)?",
    r"locust -f locustfile\.py",
]


def read(name: str) -> str:
    """Return the text of one of the project's files."""
    return (PROJECT / name).read_text(encoding="utf-8")


def commands_of(name: str) -> list[str]:
    """Return the commands in the code blocks of a file, in order, without comments and extra spaces."""
    lines = [line for block in BLOCK.findall(read(name)) for line in block.splitlines()]
    commands = [" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in lines]
    return [command for command in commands if command]


def code_in_prose(name: str) -> list[str]:
    """Return what stands between backticks outside the code blocks, in order."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", read(name)))


def named_commands(name: str) -> list[list[str]]:
    """Return the words of each command that a file gives, in a code block or in its prose."""
    lines = commands_of(name) + [code for code in code_in_prose(name) if code.startswith(("./", "python ", "locust "))]
    parts = [re.sub(r"^[A-Z_]+=\S+ (?=\S)", "", part) for line in lines for part in re.split(r" && ", line)]
    return [shlex.split(part) for part in parts]


def links_of(name: str) -> list[str]:
    """Return the targets of the relative links and pictures of a file, in order, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", read(name)))
    return [target.partition("#")[0] for target in targets if not re.match(r"#|\w+:", target)]


def header_of(script: str) -> str:
    """Return the comment at the top of a shell script, from which it prints its usage."""
    return read(script).partition("\nset -")[0]


def test_both_readmes_give_the_same_commands_in_the_same_order() -> None:
    assert len(commands_of("README.md")) >= 5, "no commands found: this test looks in the wrong place"
    assert commands_of("README.es.md") == commands_of("README.md")


def test_both_readmes_name_the_same_code_in_their_prose() -> None:
    assert sorted(code_in_prose("README.es.md")) == sorted(code_in_prose("README.md"))


@pytest.mark.parametrize("kind", OUTLINE)
def test_both_readmes_have_the_same_number_of(kind: str) -> None:
    counts = [len(re.findall(OUTLINE[kind], BLOCK.sub("", read(name)), re.MULTILINE)) for name in READMES]
    assert counts[0] > 0, "none found: this test looks in the wrong place"
    assert counts[1] == counts[0]


def test_both_readmes_link_to_the_same_files_in_the_same_order_and_to_each_other() -> None:
    english, spanish = (links_of(name) for name in READMES)
    assert "README.es.md" in english
    assert spanish == ["README.md" if link == "README.es.md" else link for link in english]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_short_and_its_prose_is_narrow(name: str) -> None:
    lines = read(name).splitlines()
    assert len(lines) <= LONGEST
    assert [line for line in lines if len(line) > WIDEST and not line.startswith("|")] == []


@pytest.mark.parametrize("name", [*READMES, TROUBLES])
def test_every_link_and_picture_of_a_document_points_to_a_file(name: str) -> None:
    assert links_of(name)
    assert [link for link in links_of(name) if not (PROJECT / name).parent.joinpath(link).is_file()] == []


@pytest.mark.parametrize("name", [*READMES, TROUBLES])
def test_every_program_of_a_document_is_a_script_that_runs_or_a_known_one(name: str) -> None:
    for program, *_ in named_commands(name):
        if program.startswith("./"):
            assert (PROJECT / program).is_file(), program
            assert (PROJECT / program).stat().st_mode & 0o111, f"{program} is not executable"
        else:
            assert program in PROGRAMS, program


def test_the_guide_to_a_vm_gives_the_owners_lines_known_programs_and_settings_that_there_are() -> None:
    commands = named_commands(VM)
    assert {program for program, *_ in commands} - PROGRAMS == {"setsid", "kill", "echo", "./run_all_tests.sh"}
    servers = [" ".join(words[1:]) for words in commands if words[0] == "setsid"]
    for start, app in (
        ("0.0.0.0:5000 --workers 2", "app_jwt_redis"),
        ("0.0.0.0:5001 --workers 4", "microservicioCQRSRedis"),
    ):
        assert any(re.match(rf"gunicorn --bind {start} --pid \w+\.pid {app}:app ", line) for line in servers)
    known = set(re.findall(r"^([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    filled = re.search(r"Fill (\w+) lines of `\.env` in: (.+?)\.\s", read(VM), re.DOTALL)
    assert filled and filled[1] == "four"
    names = set(re.findall(r"`([A-Z_]+)", filled[2]))
    assert names <= known and len(names) == 4


@pytest.mark.parametrize("name", SEEN)
def test_every_option_and_word_given_to_a_script_stands_in_its_header(name: str) -> None:
    seen = [(program, word) for program, *words in named_commands(name) if program.startswith("./") for word in words]
    assert SEEN[name] <= set(seen), "not found: this test looks in the wrong place"
    for script, word in seen:
        if re.match(r"--?\w|[a-z]+$", word):  # others are values, like an address
            assert re.search(rf"^#   {word}( |$)", header_of(script), re.MULTILINE), f"{script} {word}"


@pytest.mark.parametrize("name", READMES)
def test_every_file_that_a_readme_names_exists(name: str) -> None:
    words = [word for command in named_commands(name) for word in command] + code_in_prose(name)
    files = [word for word in words if PROJECT_FILE.fullmatch(word)]
    assert {"locustfile.py", "scenarios/baseline.conf"} <= set(files)
    assert [file for file in files if not list(PROJECT.glob(file.removeprefix("./")))] == []


def test_every_app_given_to_gunicorn_is_defined_in_its_file() -> None:
    apps = [words[-1] for words in named_commands(VM) if words[0] == "gunicorn"]
    assert len(apps) == 2
    for module, _, app in (app.partition(":") for app in apps):
        assert re.search(rf"^{app}\b.* = ", read(f"{module}.py"), re.MULTILINE), f"{module}:{app}"


@pytest.mark.parametrize("line", [line for line in OWNERS_LINES if not re.match("mysql|pip|gunicorn", line)])
@pytest.mark.parametrize("name", READMES)
def test_the_owners_line_stands_in_a_readme_to_the_letter(name: str, line: str) -> None:
    assert any(re.fullmatch(line, command) for command in commands_of(name) + code_in_prose(name))


@pytest.mark.parametrize("line", [line for line in OWNERS_LINES if not re.match("python|locust", line)])
def test_the_owners_line_for_a_vm_stands_in_the_guide_to_the_letter(line: str) -> None:
    assert any(re.fullmatch(line, command) for command in commands_of(VM))


def test_the_guide_to_a_vm_begins_with_a_line_for_the_vm_and_one_for_the_laptop() -> None:
    (first, second), said = commands_of(VM)[:2], read("deploy/install.sh")
    assert first == "sudo deploy/install.sh --allow 198.51.100.4"
    assert re.fullmatch(r"METRICS_TOKEN=\S+ (.+) 203\.0\.113\.7", second)
    assert second.partition(" ")[2].replace("203.0.113.7", "VM-ADDRESS") in said

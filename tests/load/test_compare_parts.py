"""What compare.sh refuses, what it says of its two sides, the order of its blocks, and the build that is slower."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from load.client.refusal import Refused
from load.client.target import Target
from load.compare.options import read_options
from load.compare.places import place_of_host
from load.compare.sides import PARTS, choose_host, choose_side, find_notes
from load.compare.stacks import open_checkout
from load.run.blocks import FORMS, GAP_S, WARM_S, Form, choose_form, plan_blocks
from stack.ports import find_free_ports
from tests.error_rates.slower_build import CHANGES, replace_once
from tests.support.compare_runs import commit_all, make_repository, run_git, start_compare
from tests.support.runs import end_of
from tests.support.stacks import PROJECT

NOWHERE = "http://127.0.0.1:{},http://127.0.0.1:{}"
REFUSED = {
    "an unknown revision": (["no-such", "HEAD"], "no-such is no revision of this project, no folder and no host"),
    "a folder without the project": (["docs", "HEAD"], "docs is a folder without local_stack.sh"),
    "a revision that looks like an option": (["HEAD", "--no-such"], "unrecognized arguments: --no-such"),
    "one side alone": (["HEAD"], "A and B are needed"),
    "three sides": (["HEAD", "HEAD", "HEAD"], "A and B are needed, and no more"),
    "a host and two sides": (["--host-a", "127.0.0.1", "HEAD", "HEAD"], "A and B are needed, and no more"),
    "a band that cannot be": (["--within", "150%", "HEAD", "HEAD"], "--within: '150%' must be like 10% or 0.1"),
    "a band of 10 without %": (["--within", "10", "HEAD", "HEAD"], "--within: '10' must be like 10% or 0.1"),
    "a scenario that is not steady": (["--scenario", "spike", "HEAD", "HEAD"], "--scenario: invalid choice: 'spike'"),
    "the same services twice": (["127.0.0.1", "http://127.0.0.1"], "A and B are the same services"),
    "the same services by two names": (["http://localhost", "http://127.0.0.1"], "A and B are the same services"),
    "a host that is none": (["http://a b", "HEAD"], "the host http://a b must be given as http://HOST for its ports"),
    "a host with one port": (["http://a:80", "HEAD"], "or both addresses as http://HOST:PORT,http://HOST:PORT"),
    "a host with one address": (["--host-a", "https://a", "HEAD"], "the host https://a must be given as http://HOST"),
    "a folder that is not empty": (["--out", "load", "HEAD", "HEAD"], "is not empty; give another folder"),
    "a place that is not there": (["--out", "no/such", "HEAD", "HEAD"], "cannot write into"),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, as a repository with one commit."""
    return make_repository(tmp_path_factory.mktemp("compare") / "project")


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_line_that_names_it(repository: Path, case: str) -> None:
    options, words = REFUSED[case]
    (repository / "docs").mkdir(exist_ok=True)
    before = sorted(repository.iterdir())
    code, said = end_of(start_compare(repository, *options))
    assert code == (3 if case == "a place that is not there" else 64), said
    assert words in said
    assert len([line for line in said.splitlines() if line.startswith("compare.sh:")]) == 1, said
    assert sorted(repository.iterdir()) == before, "it leaves nothing"


def test_blocks_that_cannot_be_are_refused(repository: Path) -> None:
    code, said = end_of(start_compare(repository, "HEAD", "HEAD", COMPARE_BLOCKS="10"))
    assert (code, "COMPARE_BLOCKS=10 must be SECONDS:PAIRS" in said) == (64, True), said


def test_a_host_at_which_nothing_answers_is_named_and_leaves_nothing(repository: Path) -> None:
    host = NOWHERE.format(*find_free_ports(2))
    before = sorted(repository.iterdir())
    code, said = end_of(start_compare(repository, host, "http://127.0.0.2"))
    assert code == 3, said
    assert f"{host.partition(',')[0]} should be the auth service, but nothing answers there" in said
    assert sorted(repository.iterdir()) == before


def test_help_is_the_header(repository: Path) -> None:
    code, said = end_of(start_compare(repository, "--help"))
    assert code == 0
    assert said.startswith("Says whether B is slower than A") and said.rstrip().endswith("130 interrupted.")


@pytest.mark.parametrize("place", range(3))
def test_options_may_stand_before_between_and_behind_the_sides(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    words = ["HEAD~1", "."]
    words[place:place] = ["--quick", "--within", "5%"]
    monkeypatch.setattr(sys, "argv", ["compare.sh", *words])
    options = read_options()
    assert (options.what, options.profile, options.within) == ({"a": "HEAD~1", "b": "."}, "quick", 0.05)


def test_a_folder_a_revision_and_a_host_are_told_apart(repository: Path) -> None:
    folder = choose_side(".", repository, PROJECT)
    assert (folder.folder, bool(folder.commit), folder.is_changed) == (repository, True, False)
    revision = choose_side("HEAD", repository.parent, repository)
    assert (revision.folder, revision.commit) == (None, folder.commit)
    assert revision.label == f"HEAD ({folder.commit[:7] if folder.commit else ''})"
    assert choose_side("http://staging", repository, repository).target == (
        "http://staging:5000",
        "http://staging:5001",
    )
    assert choose_side("http://a:1,http://b:2", repository, repository).target == ("http://a:1", "http://b:2")


def test_revisions_of_a_folder_without_git_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there are no revisions: git knows no checkout here"):
        choose_side("HEAD", tmp_path, tmp_path)


def test_a_revision_that_a_shallow_clone_lacks_is_refused_with_the_way_to_it(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is no revision of this project, no folder"):
        choose_side("HEAD~1", tmp_path, repository)
    run_git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    with pytest.raises(Refused, match=r"this clone is shallow: `git fetch --unshallow` gets the older ones"):
        choose_side("HEAD~1", tmp_path, tmp_path / "shallow")


def test_a_revision_without_a_part_of_the_project_is_refused(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "project")
    (repository / "local_stack.sh").rename(repository / "other.sh")
    commit_all(repository)
    with pytest.raises(
        Refused, match=r"^the revision HEAD has no local_stack\.sh, so it cannot be started: give a git revision"
    ):
        choose_side("HEAD", tmp_path, repository)


def test_what_breaks_does_not_end_as_slower_does(repository: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    for name in PARTS:
        (broken / name).parent.mkdir(exist_ok=True)
        (broken / name).write_text('mkdir -p "$STACK_DIR"; touch "$STACK_DIR/stack.env"\n')
    (tmp_path / "mine").mkdir()
    before = sorted(repository.iterdir())
    code, said = end_of(start_compare(repository, "--out", str(tmp_path / "mine"), str(broken), "HEAD"))
    assert (code, "Traceback" in said) == (3, True), said
    assert sorted(repository.iterdir()) == before
    assert list((tmp_path / "mine").iterdir()) == [], "a folder that was there stays, and empty"


def test_relative_folders_lie_where_compare_was_called(repository: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    for name in PARTS:
        (told / name).write_text('echo "the stack is in $STACK_DIR"; exit 1\n')
    options = ["--out", "results", "told", "told"]
    code, said = end_of(start_compare(repository, *options, called_from=tmp_path, STACK_DIR="mine"))
    assert code == 3 and re.search(rf"^the stack is in {tmp_path}/mine/compare\.\w+/a$", said, re.MULTILINE), said
    assert [path.name for path in tmp_path.iterdir()] == ["told"], "what it made it removed"


def test_a_checkout_of_a_part_of_a_repository_is_that_part_and_touches_no_other_worktree(tmp_path: Path) -> None:
    part = make_repository(tmp_path / "whole") / "part"
    part.mkdir()
    (part / "local_stack.sh").write_text("")
    commit_all(part.parent)
    run_git(part, "worktree", "add", "--quiet", "--detach", str(tmp_path / "theirs"))
    (tmp_path / "theirs").rename(tmp_path / "not mounted")
    with open_checkout(part, "HEAD", tmp_path / "checkout") as code:
        assert (code / "local_stack.sh").exists() and not (code / "part").exists()
    assert not (tmp_path / "checkout").exists()
    listed = run_git(part, "worktree", "list", "--porcelain")
    assert str(tmp_path / "theirs") in listed and str(tmp_path / "checkout") not in listed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://auth-a.test,https://books-a.test", "https://auth-b.test,https://books-b.test"),
        ("http://localhost:1,http://localhost:2", "http://127.0.0.1:1,http://127.0.0.1:3"),
    ],
)
def test_two_names_behind_one_proxy_and_two_books_services_beside_one_auth_are_two_hosts(
    tmp_path: Path, one: str, other: str
) -> None:
    assert find_notes({"a": choose_host(one), "b": choose_host(other)}, tmp_path) == []


def test_two_hosts_may_have_a_token_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "of both")
    monkeypatch.setenv("METRICS_TOKEN_B", "of b")
    target = Target("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert [place_of_host(side, target).token for side in ("a", "b")] == ["of both", "of b"]


def test_changes_that_are_not_measured_and_the_same_commit_twice_are_said(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "project")
    sides = {name: choose_side("HEAD", tmp_path, repository) for name in ("a", "b")}
    assert find_notes(sides, repository) == ["A and B are the same commit, A against A: SAME is the right answer"]
    (repository / "init.sql").write_text("-- changed\n")
    sides["b"] = choose_side("project", tmp_path, repository)
    measured, unmeasured = find_notes(sides, repository)
    assert measured.startswith("B: project") and "what stands in the folder is measured" in measured
    assert unmeasured.startswith("A: HEAD") and "without the changes of this folder" in unmeasured
    commit_all(repository)
    sides["b"] = choose_side("HEAD", tmp_path, repository)
    assert find_notes(sides, repository) == [], "two commits of a clean folder"
    run_git(repository, "branch", "project")
    sides["b"] = choose_side("project", tmp_path, repository)
    assert find_notes(sides, repository) == [
        "B: project is measured as a folder; the branch of that name is refs/heads/project"
    ]


def test_blocks_go_a_b_b_a_and_do_not_touch() -> None:
    blocks = plan_blocks(Form(10, 3), 1000.0)
    assert "".join(block.side for block in blocks) == "abbaab"
    assert [block.pair for block in blocks] == [0, 0, 1, 1, 2, 2]
    assert all(block.end - block.start == 10 and block.start - block.warm_from == WARM_S for block in blocks)
    gaps = [later.warm_from - block.end for block, later in itertools.pairwise(blocks)]
    assert set(gaps) == {GAP_S}
    for form in FORMS.values():  # else a neighbour's job of each minute would always meet the same side
        assert 4 * (WARM_S + form.seconds + GAP_S) % 60
    assert {block.side for block in plan_blocks(Form(10, 3, "a"), 0.0)} == {"a"}


def test_the_quick_form_loads_for_less_than_seven_minutes_and_the_full_for_less_than_thirty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = {}
    for profile in ("quick", "full"):
        blocks = plan_blocks(choose_form(profile), 0.0)
        seconds[profile] = blocks[-1].end
    assert 360 <= seconds["quick"] <= 400 and 1700 <= seconds["full"] <= 1800
    monkeypatch.setenv("COMPARE_BLOCKS", "4:8:b")
    assert choose_form("full") == Form(4, 8, "b")


def test_the_slower_build_burns_its_share_of_processor_time_and_its_changes_fit(tmp_path: Path) -> None:
    for name, old, new in CHANGES:
        if not (copied := tmp_path / Path(name).name).exists():
            copied.write_text((PROJECT / name).read_text())
        replace_once(copied, old, new)
    script = (
        "import time; from tests.error_rates import burn; burn.SHARE = 0.5; burn.burn(); at = time.process_time()\n"
        "while time.process_time() < at + 0.4: pass\n"
        "burn.burn(); print(time.process_time() - at)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert 0.6 <= float(ran.stdout) <= 0.65

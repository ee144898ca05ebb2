"""How Locust's own files end: whole, and without a word in the log of what was written too late."""

import csv
import subprocess
import sys
from pathlib import Path

from tests.support.scripts import choose_environment
from tests.support.stacks import PROJECT

# The end of an interpreter may let other greenlets run: a thread that is waited for, a hook that sleeps.
RESTING = """
import atexit
import gevent
from load.recording.locust_patches import let_files_catch_up, patch_locust
from locust import User, constant, events, task

patch_locust()
events.test_stop.add_listener(let_files_catch_up)

class Resting(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass

atexit.register(gevent.sleep, 1.5)
"""


def test_a_load_that_takes_its_time_to_end_leaves_no_traceback_of_its_csv_files(tmp_path: Path) -> None:
    (tmp_path / "resting.py").write_text(RESTING)
    command = [sys.executable, "-m", "locust", "-f", "resting.py", "--headless", "--csv", "run", "-t", "1s"]
    env = choose_environment(None, PYTHONPATH=str(PROJECT))
    ran = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, "Traceback" in ran.stderr, "closed file" in ran.stderr) == (0, False, False), ran.stderr
    with open(tmp_path / "run_stats_history.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) >= 2

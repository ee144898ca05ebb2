"""Records the stream of tests/support/drawn_answers.py as the processes of a load do, without any service.

`python -m tests.support.recorded_stream alone FOLDER` is a load of one process. `master FOLDER PORT` is the master of
machines, which run.json in FOLDER has; it ends when all of their records are home. `worker FOLDER PORT PLACE OF` is the
process of a joined machine that sees share PLACE of the stream; its environment says which machine, as join_load.sh
does. All of them record under the name "soak".
"""

import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
from locust.env import Environment

from load.machines import master, worker
from load.recording.recording import UsersRecording, begin_recording, end_recording, recording_of
from load.recording.request_failed import RequestFailed
from tests.support.drawn_answers import Drawn, draw_answers, take_share

NONCE = "drawn"
PLAY_S = 2.5  # in which a recording writes, and sends, a few times


def make_environment(folder: Path, **more: Any) -> Any:
    return Environment(parsed_options=Namespace(record=str(folder / "soak"), web_base_path="", **more))


def play(environment: Any, answers: list[Drawn]) -> None:
    """Have a process see these answers."""
    recording = recording_of(environment)
    assert recording
    for number, answer in enumerate(answers):
        environment.events.request.fire(**tell(recording, answer))
        if number % 100 == 0:
            gevent.sleep(PLAY_S * 100 / len(answers))


def tell(recording: UsersRecording, answer: Drawn) -> dict[str, Any]:
    """Return what Locust tells of a request; a write to the catalogue is in the ledger then."""
    is_write = answer.method != "GET" and answer.name != "/login"
    body = {"isbn": answer.isbn, "stock": 1} if answer.method != "DELETE" else None
    parts = {"json": body, "headers": {"Idempotency-Key": "k"}}
    number = recording.ledger.note_sent(answer.method, f"/api/books/{answer.isbn}", parts) if is_write else None
    return {
        "request_type": answer.method,
        "name": answer.name,
        "response_time": answer.ms,
        "response_length": 9,
        "start_time": answer.start,
        "exception": RequestFailed("drawn", answer.failure) if answer.failure else None,
        "response": SimpleNamespace(status_code=answer.status, headers={}, content=b'{"version": 2}'),
        "context": {"ledger": number} if number else {},
    }


def record_alone(folder: Path) -> None:
    environment = make_environment(folder)
    environment.create_local_runner()
    begin_recording(environment)
    play(environment, draw_answers())
    end_recording()


def lead(folder: Path, port: int) -> None:
    environment = make_environment(folder, machines=2, enable_rebalancing=False)
    master.patch_master()
    environment.create_master_runner("127.0.0.1", port)
    master.open_door(environment)
    leading = master._masters[environment]
    leading._nonces.update(dict.fromkeys(range(len(leading.machines)), NONCE))
    wanted = sum(machine.processes for machine in leading.machines)
    while len(leading._processes._whole) < wanted:
        gevent.sleep(0.1)
    environment.runner.quit()


def record_joined(folder: Path, port: int, place: int, of: int) -> None:
    worker.prepare_names()
    environment = make_environment(folder)
    environment.create_worker_runner("127.0.0.1", port)
    worker.join_master(environment)
    worker.use_own_files(environment)
    begin_recording(environment)
    worker.begin_sending(environment)
    play(environment, take_share(draw_answers(), place, of))
    worker.measure_at_end(environment)
    environment.runner.quit()
    end_recording()
    worker.finish_sending()


if __name__ == "__main__":
    role, folder, *numbers = sys.argv[1:]
    roles: dict[str, Any] = {"alone": record_alone, "master": lead, "worker": record_joined}
    roles[role](Path(folder), *map(int, numbers))

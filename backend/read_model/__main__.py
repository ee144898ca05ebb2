"""The commands of the read model:

python -m backend.read_model rebuild    build the read model anew
python -m backend.read_model verify     compare every book in MariaDB with the read model; exit 1 if any differs
python -m backend.read_model status     say what stands
"""

import sys
import time

import redis
from rich.console import Console
from rich.progress import Progress

from backend.config import ConfigError
from backend.errors import ServiceError
from backend.read_model.lookup import CATALOGUE
from backend.read_model.losses import Watch
from backend.read_model.projector import measure_backlog
from backend.read_model.rebuild import judge, rebuild
from backend.read_model.verification import find_differences
from backend.stores import pool, redis_store
from backend.stores.redis_store import ask

USAGE = "usage: python -m backend.read_model rebuild|verify|status"
MOST_NAMED = 100


def main(arguments: list[str]) -> int:
    """Run one command. Gives 0; 1 if it found something wrong; 3 if a store or a setting is; 64 for wrong usage."""
    commands = {"rebuild": rebuild_now, "verify": verify, "status": show_status}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(USAGE, file=sys.stderr)
        return 64
    pool.be_patient()
    redis_store.be_patient()
    try:
        return commands[arguments[0]]()
    except (ConfigError, ServiceError, redis.RedisError) as error:
        print(f"backend.read_model: {error}", file=sys.stderr)
        return 3


def rebuild_now() -> int:
    """Build the read model anew, however well it stands."""
    started = time.monotonic()
    with _progress() as bar:
        task = bar.add_task("rebuild")
        built = rebuild(lambda done, total: bar.update(task, completed=done, total=total))
    if not built:
        print("rebuild: another process is building the read model; nothing was done here", file=sys.stderr)
        return 1
    print(f"rebuild: done in {time.monotonic() - started:.1f} s")
    return 0


def verify() -> int:
    """Compare every book and name the differences."""
    with _progress() as bar:
        task = bar.add_task("verify")
        books, differences = find_differences(lambda done, total: bar.update(task, completed=done, total=total))
    for words in differences[:MOST_NAMED]:
        print(words)
    if len(differences) > MOST_NAMED:
        print(f"... and {len(differences) - MOST_NAMED:,} more")
    print(f"verify: {books:,} books compared, {len(differences):,} differences")
    return 1 if differences else 0


def show_status() -> int:
    """Say which generation stands and what waits for it."""
    (generation, fit), (pending, lag) = judge(), measure_backlog()
    lost = Watch().find_any_loss() if fit else ""
    if lost:
        print(f"read model:  Redis has lost its key {lost}; queries read MariaDB until it is built anew")
    elif fit:
        changes = (ask("HGET", CATALOGUE, "changes") or b"").decode()
        print(f"read model:  stands, {ask('HLEN', f'{CATALOGUE}:{generation}:books'):,} books")
        print(f"version:     {generation}-{changes}")
    else:
        print("read model:  none stands; queries read MariaDB")
    print(f"outbox:      {pending} pending, lag {lag:.1f} s")
    return 0 if fit and not lost else 1


def _progress() -> Progress:
    return Progress(console=Console(stderr=True), transient=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

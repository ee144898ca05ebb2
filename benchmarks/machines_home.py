"""Sends records home to a master of its own, `python -m benchmarks.machines_home PORT FOLDER`, which tells its cost.

The master takes the messages as that of a load does, but from anybody, and writes the records into a folder. When its
standard input ends it prints its processor time and the bytes it has kept, as JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.event import Event
from gevent.fileobject import FileObject

from load.machines.archive import Archive
from load.machines.messages import Client, Message, Server
from load.machines.pieces import ADDED, KEPT, Pieces

SEND_EVERY_S = 1.0  # as a worker of a load does
CONFIRMED_S = 0.01  # in which a confirmation may come


def send_home(paths: dict[str, Path], port: int, name: str, over: Event) -> None:
    """Send what is added to these files to the master on this machine, and once it is over, all that is left."""
    client = Client("127.0.0.1", port, name)
    pieces = Pieces(paths, lambda kind, data: client.send(Message(kind, data, name)))

    def listen() -> NoReturn:
        while True:
            pieces.confirm(client.recv().data)

    listening = gevent.spawn(listen)
    try:
        while not over.wait(SEND_EVERY_S):
            pieces.send_added()
        while not all(file.is_home for file in pieces.files.values()):
            pieces.send_added()
            gevent.sleep(CONFIRMED_S)
    finally:
        listening.kill()
        client.close(linger=0)


def keep_records(port: int, folder: Path) -> int:
    """Keep what comes until standard input ends, and return the number of bytes."""
    server, archives, kept = Server("127.0.0.1", port), dict[str, Archive](), 0
    print("{}", flush=True)  # it listens
    waiting = gevent.spawn(FileObject(sys.stdin.buffer).read)
    while not waiting.ready():
        with gevent.Timeout(0.2, False):
            name, message = server.recv_from_client()
            data: dict[str, Any] = message.data
            archive = archives.setdefault(name, Archive(folder / name))
            if message.type == ADDED and (size := archive.add("0", data)) is not None:
                server.send_to_client(Message(KEPT, {"file": data["file"], "size": size}, name))
                kept += len(data["piece"])
    return kept


if __name__ == "__main__":
    began = time.process_time()
    told = {"kept": keep_records(int(sys.argv[1]), Path(sys.argv[2]))}
    print(json.dumps({**told, "cpu_s": time.process_time() - began}), flush=True)

"""Locks the table of one service for 3 s, so that its requests pile up, and looks at the service beside it."""

import threading
import time

from lessons.lesson import Lines, Outcome
from lessons.load import Answer, count_by_second, send_at_once, send_load
from lessons.place import Place

USERS, USERS_BESIDE = 200, 10
BEFORE_S, LOCK_S, AFTER_S = 3.0, 3.0, 3.0
PROGRAMS = ("mistake", "cure")
COLUMNS = [
    "services",
    "most connections",
    "error 1040, books",
    "error 1040, users",
    "503, books",
    "wrong answers, users",
]


def run(place: Place, short: bool) -> Outcome:
    """Run both services of each program; what counts is how the users' service fares while the books' one waits."""
    scale = 0.5 if short else 1.0
    figures: dict[str, float] = {}
    lines, rows = {}, []
    for program in PROGRAMS:
        place.ask("FLUSH STATUS")
        books, beside = load_both(place, program, scale)
        ((_, most),) = place.ask("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
        found = {
            "most connections": float(most),
            "1040 books": sum("1040" in answer.body for answer in books),
            "1040 users": sum("1040" in answer.body for answer in beside),
            "503 books": sum(answer.status == 503 for answer in books),
            "wrong users": sum(answer.status != 200 for answer in beside),
            "users": len(beside),
        }
        figures |= {f"{program} {what}": value for what, value in found.items()}
        rows.append([program, *(f"{value:,.0f}" for value in list(found.values())[:-2]), say_share(found)])
        lines[program] = count_by_second([answer for answer in beside if answer.status == 200], 0.5)
    return Outcome(
        say(figures), COLUMNS, rows, Lines("Right answers of the service beside", "a second", lines), figures
    )


def load_both(place: Place, program: str, scale: float) -> tuple[list[Answer], list[Answer]]:
    """The answers of the books' service, whose table is locked for a while, and of the users' service beside it."""
    app = f"lessons.connection_per_request.{program}:app"
    seconds = scale * (BEFORE_S + LOCK_S + AFTER_S)
    beside: list[Answer] = []

    def load_beside(url: str) -> None:
        beside.extend(send_load(f"{url}/users", users=USERS_BESIDE, seconds=seconds, think_s=0.1))

    with (
        place.gunicorn(app, workers=2, threads=USERS) as books_url,
        place.gunicorn(app, workers=1, threads=10) as users_url,
    ):
        send_at_once(f"{books_url}/books", 40)  # until all workers have begun
        send_at_once(f"{users_url}/users", USERS_BESIDE)
        others = [threading.Thread(target=load_beside, args=[users_url])]
        others.append(threading.Thread(target=lock_books, args=[place, scale]))
        for each in others:
            each.start()
        books = send_load(f"{books_url}/books", users=USERS, seconds=seconds, think_s=1.0)
        for each in others:
            each.join()
    return books, beside


def lock_books(place: Place, scale: float) -> None:
    """Hold a lock on the table of the books after a while, as a repair or a report of somebody else may do."""
    time.sleep(scale * BEFORE_S)
    with place.administrator() as cursor:
        cursor.execute("LOCK TABLES Libros.books WRITE")
        time.sleep(scale * LOCK_S)


def say_share(found: dict[str, float]) -> str:
    """The wrong answers of the service beside, of all of its answers."""
    return f"{found['wrong users']:,.0f} of {found['users']:,.0f}"


def say(figures: dict[str, float]) -> str:
    """What was seen."""
    return (
        f"While one table was locked, a connection per request took all connections that MariaDB gives"
        f" ({figures['mistake most connections']:,.0f} with its administrator's): error 1040 came"
        f" {figures['mistake 1040 books']:,.0f} times, and"
        f" {figures['mistake 1040 users']:,.0f} times in the service beside, which never touches that table. With the"
        f" pool there were {figures['cure most connections']:,.0f} connections at most,"
        f" {figures['cure 1040 books'] + figures['cure 1040 users']:,.0f} errors 1040, and"
        f" {figures['cure wrong users']:,.0f} wrong answers beside."
    )

"""The everyday load: users mostly look at books, 8 % of the requests write, and now and then a user logs in and out.

It has no shape, so users and rate come from a scenario file, the command line or the web page. To look for the
break-point by hand, with a web page:

  1. locust -f locustfile.py            and open http://localhost:8089
  2. Host: leave http://127.0.0.1 for services on this machine, or type http://ADDRESS of a VM, without a port
     (it means ports 5000 and 5001; AUTH_URL and BOOKS_URL in the environment win).
  3. Start with 200 users, 20 a second, as the fields say, and let the load run for two minutes. While accounts are
     still being signed in and the catalogue read, Start only says how far that is: press it again in a moment.
  4. Stop, then start anew with 100 users more: 300, 400, 500, ...
  5. Watch Failures/s and the 95th percentile of the Charts tab. The break-point is the step at which failures
     ("shed: 503") stay above 1 %, or the 95th percentile rises and stays up, or requests/s no longer grow with the
     users. Also watch the CPU: when Locust warns of its own CPU usage, the generator was the limit (add
     --processes 2), not the services.
  6. Keep the report of the last good step: Download Data tab.
"""

import logging
from typing import Any

from locust import events

from load.run.hooks import install_hooks
from load.users.reads import by_author, by_format, by_genre, list_books, one_book, page_on, revalidate
from load.users.session_flow import session_flow
from load.users.user import LibraryUser
from load.users.writes import add_book, change_book, delete_book

FIRST_USERS, FIRST_RATE = 200, 20  # in the fields of the web page, unless others are given
MIX = {
    list_books: 120,
    page_on: 120,
    one_book: 335,
    by_author: 80,
    by_genre: 80,
    by_format: 65,
    revalidate: 120,
    add_book: 30,
    change_book: 30,
    delete_book: 20,
    session_flow: 5,
}


class EverydayUser(LibraryUser):
    """Does what people do on most days."""

    tasks = MIX


def open_page(environment: Any, web_ui: Any, **_: Any) -> None:
    """When the web page is served, fill its fields in and say how to look for the break-point."""
    if not web_ui or environment.shape_class:
        return
    options = environment.parsed_options
    if not options.autostart:
        options.num_users = options.num_users or FIRST_USERS
        options.spawn_rate = options.spawn_rate or FIRST_RATE
    logging.getLogger(__name__).info("%s", __doc__)


install_hooks()
events.init.add_listener(open_page)  # type: ignore[no-untyped-call]  # Locust's

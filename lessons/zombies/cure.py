"""This project's pool: a connection is asked when it is lent, and one that does not answer is replaced unseen."""

from backend.stores.pool import pool
from lessons.zombies.routes import make_app

# reading() and writing() lend a cursor of what borrow() lends. A session that has written is reset, in the same trip to
# MariaDB that asks whether it is alive. One that has only read leaves nothing to reset.
app = make_app(lambda: pool().borrow(writes=False), lambda: pool().borrow(writes=True))

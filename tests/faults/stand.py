"""The stand: a private stack whose stores can be broken, and the builds of the services that run on it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis
import requests

from stack.programs import undisturbed
from tests.faults.builds import Cut, make_build
from tests.faults.form import Form
from tests.faults.plan import Account
from tests.faults.proxy import Proxy, run_proxy
from tests.faults.stores import find_mariadb, find_redis
from tests.faults.subject import Ports, Subject, choose_settings, run_subject
from tests.support.books_services import stop_own_books_service
from tests.support.clients import register, sign_in
from tests.support.outages import kill
from tests.support.stacks import Stack, connect_to_mariadb, run_local_stack, start_stack
from tests.support.stacks import choose_settings as choose_stack_settings

ACCOUNTS = 8
STANDS_WITHIN_S = 60
WORKERS = {"long": {"auth": 2, "books": 4}, "short": {"auth": 1, "books": 2}}
TOKEN_S = {"ACCESS_TOKEN_TTL": "14400"}  # longer than a whole run

FORGET_BOOKS = (
    "DELETE FROM books WHERE isbn LIKE '9798%'",  # of the tests: none of the first catalogue begins so
    "DELETE FROM deleted_books",
    "DELETE FROM idempotency_keys",
    "DELETE FROM outbox",
    "UPDATE catalogue SET epoch = UUID()",
)

Settings = Sequence[tuple[str, str]]
Tell = Callable[[str], None]


class Stand:
    """A stack without services of its own, and what runs on it."""

    def __init__(self, form: Form, stack: Stack, folder: Path, opened: ExitStack, tell: Tell) -> None:
        """Take a running stack; `opened` closes what is begun later."""
        self.form, self.stack, self.folder, self._opened, self.tell = form, stack, folder, opened, tell
        self.mariadb, self.redis = find_mariadb(stack), find_redis(stack, Path(stack["STACK_DIR"]))
        self.accounts: list[Account] = []
        self.catalogue: list[str] = []
        self.builds = 0
        self._product: tuple[str, Subject] | None = None
        self._product_opened = opened.enter_context(ExitStack())
        self._proxy: Proxy | None = None

    @property
    def store_ports(self) -> Ports:
        """Give the ports that connections to the stores go to."""
        mariadb = {int(self.stack["DB_PORT"])} | ({self._proxy.port} if self._proxy else set())
        return Ports(mariadb, {int(str(urlsplit(self.stack["REDIS_URL"]).port))})

    def proxy(self) -> Proxy:
        """Give the proxy of MariaDB, which runs from its first use on."""
        if self._proxy is None:
            self._proxy = self._opened.enter_context(run_proxy(int(self.stack["DB_PORT"])))
            self._opened.callback(self.end_product)  # before the proxy, which it may be using
        return self._proxy

    @contextmanager
    def run(
        self, name: str, cuts: Sequence[Cut] = (), settings: Settings = (), *, proxied: bool = False,
        ready: bool = True, only: Sequence[str] = (), beside: Subject | None = None,
    ) -> Iterator[Subject]:  # fmt: skip
        """Run a build during the block, with these cuts and settings; `proxied` puts the proxy before MariaDB.

        With `only`, that service alone runs, on one worker, and the other is that of the build `beside` it.
        """
        self.builds += 1
        folder = self.folder / f"build{self.builds}"
        workers = dict.fromkeys(only, 1) or WORKERS[self.form.name]
        chosen = {**TOKEN_S, "BCRYPT_ROUNDS": "12" if self.form.long else "4", **dict(settings)}
        detour = {"DB_PORT": str(self.proxy().port)} if proxied else {}
        environment = choose_settings(self.stack, **chosen, **detour)
        subject = Subject(name, make_build(folder, cuts), workers, environment, folder.with_suffix(".log"))
        subject.given = settings
        if beside is not None:
            subject.lean_on(beside)
        with run_subject(subject, ready=ready):
            yield subject

    def product(self, settings: Settings = (), *, proxied: bool = False) -> Subject:
        """Give the product as it is, running; it goes on for the next experiment that needs the same settings."""
        key = repr((proxied, sorted(settings)))
        if self._product is None or self._product[0] != key or not self._product[1].runs:
            self.end_product()
            started = self._product_opened.enter_context(self.run("product", settings=settings, proxied=proxied))
            self._product = key, started
        return self._product[1]

    def list_masters(self) -> list[int]:
        """Return the Gunicorn masters that run between experiments."""
        return [] if self._product is None else [each.pid for each in self._product[1].masters.values()]

    def end_product(self) -> None:
        """End the product, so that the next experiment begins with new processes."""
        self._product = None
        self._product_opened.close()

    def sign_in_all(self, subject: Subject) -> list[Account]:
        """Give the accounts, each with a session that lives."""
        for account in self.accounts:
            seen = requests.get(
                f"{subject.auth_url}/me", headers={"Authorization": f"Bearer {account.token}"}, timeout=10
            )
            if seen.status_code != 200:
                login = {"username": account.username, "password": account.password}
                answer = requests.post(f"{subject.auth_url}/login", json=login, timeout=10)
                assert answer.status_code == 200, answer.text
                account.token = answer.json()["access_token"]
        return self.accounts

    def forget_books(self) -> None:
        """Take the books of earlier experiments out of both stores: how long a rebuild takes depends on their number,
        and one of their ISBNs might be drawn again. The read model is built anew by whatever runs next.
        """
        with connect_to_mariadb(self.stack) as connection, connection.cursor() as cursor:
            for statement in FORGET_BOOKS:
                cursor.execute(statement)
        with redis.Redis.from_url(self.stack["REDIS_URL"]) as store:
            store.delete("catalogue")

    def await_read_model(self, books_url: str) -> None:
        """Wait until queries are answered from the read model; AssertionError after a minute."""
        bearer = {"Authorization": f"Bearer {self.accounts[0].token}"}
        deadline = time.monotonic() + STANDS_WITHIN_S
        while time.monotonic() < deadline:
            answer = requests.get(f"{books_url}/api/books?limit=1", headers=bearer, timeout=10)
            if answer.ok and answer.headers["Catalogue-Version"] != "mariadb":
                return
            time.sleep(0.1)
        raise AssertionError("no read model stands")

    def prepare(self) -> None:
        """Make the accounts and look at the catalogue by the stack's own services, then end these."""
        for _ in range(ACCOUNTS):
            account = register(self.stack["AUTH_URL"])
            token = str(sign_in(self.stack["AUTH_URL"], account)["access_token"])
            self.accounts.append(Account(account.username, account.password, token))
        bearer = {"Authorization": f"Bearer {self.accounts[0].token}"}
        page = requests.get(f"{self.stack['BOOKS_URL']}/api/books?limit=100", headers=bearer, timeout=10).json()
        self.catalogue = [book["isbn"] for book in page["items"]]
        self.await_read_model(self.stack["BOOKS_URL"])  # one that is being built keeps its lock when its builder ends
        stop_own_books_service(self.stack)
        kill(self.stack["AUTH_PID"])

    def end_stores(self) -> None:
        """End the stores that were started here."""
        for store in (self.mariadb, self.redis):
            store.end()


@contextmanager
def open_stand(form: Form, tell: Tell) -> Iterator[Stand]:
    """Bring a stand up and take it down afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="libros-faults-") as folder:
        stack_folder = Path(folder) / "stack"
        settings = choose_stack_settings(stack_folder, AUTH_WORKERS="1", BOOKS_WORKERS="1", **TOKEN_S)
        tell("bringing up a stack ...")
        try:
            stack = {**start_stack(settings), "STACK_DIR": str(stack_folder)}
            with ExitStack() as opened:
                stand = Stand(form, stack, Path(folder), opened, tell)
                opened.callback(stand.end_stores)
                stand.prepare()
                yield stand
        finally:
            with undisturbed():
                run_local_stack("down", settings)

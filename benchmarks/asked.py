"""What is asked for: the paths of each kind of read, and a look at the answers before anything is measured."""

from urllib.parse import quote

from benchmarks.stand import Stack
from benchmarks.wrk import Load
from load.client.http_client import open_http

PAGES = 20
FIRST_GENRES = "SELECT name FROM genres ORDER BY name LIMIT 100"
FIRST_AUTHORS = """
  SELECT name FROM authors WHERE id IN (SELECT author_id FROM book_authors WHERE isbn LIKE '97899999%')
  ORDER BY name LIMIT 100
"""


def find_paths(read: str, stack: Stack, url: str) -> list[str]:
    """Return the paths of a query: a thousand books over the whole catalogue, a hundred of the first authors, all
    genres, or the first pages after another.
    """
    if read == "list":
        return ["/api/books?limit=50"]
    if read == "author":
        return [f"/api/books?limit=50&author={quote(name)}" for (name,) in stack.ask(FIRST_AUTHORS)]
    if read == "filter":
        return [f"/api/books?limit=50&genre={quote(name)}" for (name,) in stack.ask(FIRST_GENRES)]
    if read == "next":
        return follow_pages(url, stack.token)
    books = [isbn for (isbn,) in stack.ask("SELECT isbn FROM books ORDER BY isbn")]
    return [f"/api/books/{isbn}" for isbn in books[:: len(books) // 1000]]


def follow_pages(url: str, token: str) -> list[str]:
    """Return the paths of the pages after the first one."""
    paths = ["/api/books?limit=50"]
    for _ in range(PAGES):
        page = open_http().get(url + paths[-1], headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
        paths.append(f"/api/books?limit=50&after={quote(page['next'])}")
    return paths[1:]


def check_answers(url: str, load: Load) -> str:
    """Ask for the first, the middle and the last path and return what is wrong: wrk counts statuses from 400 on."""
    headers = {"Authorization": f"Bearer {load.token}", "If-None-Match": load.etag}
    for path in {load.paths[place * (len(load.paths) - 1) // 2] for place in (0, 1, 2) if load.paths}:
        sent = {name: value for name, value in headers.items() if value}
        answer = open_http().get(url + path, headers=sent, allow_redirects=False, timeout=30)
        if answer.status_code != load.status:
            return f"GET {path} answered {answer.status_code} where {load.status} was due"
    return ""

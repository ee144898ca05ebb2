"""Checks the pages of books that the smoke walk asks for as the load does, and how many books each must have."""

from load.client.catalogue import ALL, Filter, sort_key_of
from load.users.reads import PAGE, check_page
from load.users.send import Answer, body_of, expect
from load.users.smoke_checks import Walk

SHORT = 2  # books on the page with a limit


def is_short(walk: Walk, answer: Answer) -> None:
    """Check the first page with a limit, and keep where it ends."""
    check_first(walk, answer, limit=SHORT)
    walk["last"] = sort_key_of(body_of(answer, 200)["items"][-1])


def goes_on(walk: Walk, answer: Answer) -> None:
    """Check that a page begins right behind the one before."""
    page = body_of(answer, 200)
    check_page(walk["load"], page, after=walk["last"])
    keep_place(walk, answer, page["next"])


def is_filtered(walk: Walk, answer: Answer) -> None:
    """Check the first page of the books that pass the filter."""
    ((field, value),) = walk["filter"].items()
    check_first(walk, answer, chosen=(field, value.casefold()))


def check_first(walk: Walk, answer: Answer, limit: int = PAGE, chosen: Filter = ALL) -> None:
    """Check a first page: its total says how many books must be there, and whether a page follows."""
    page = body_of(answer, 200)
    check_page(walk["load"], page, limit, chosen=chosen)
    is_counted = len(page["items"]) == min(limit, page["total"]) and (page["next"] is None) == (page["total"] <= limit)
    expect(is_counted, "other books than the total has")
    keep_place(walk, answer, page["next"])


def keep_place(walk: Walk, answer: Answer, following: str | None) -> None:
    """Keep the ETag of a page, and where the next one begins."""
    walk["page_etag"], walk["after"] = answer.headers["ETag"], following

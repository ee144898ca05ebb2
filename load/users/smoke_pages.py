"""Checks the pages of books that the smoke walk asks for as the load does, and how many books each must have."""

from load.client.catalogue import ALL, Filter, SortKey, sort_key_of
from load.users.reads import PAGE, expect_form, expect_no_fault
from load.users.send import Answer, body_of, expect
from load.users.smoke_checks import Walk

SHORT = 2  # books on the page with a limit


def is_short(walk: Walk, answer: Answer) -> None:
    """Check the first page with a limit, and keep where it ends."""
    check_page(walk, answer, limit=SHORT)
    walk["last"] = sort_key_of(body_of(answer, 200)["items"][-1])


def goes_on(walk: Walk, answer: Answer) -> None:
    """Check that a page begins right behind the one before."""
    check_page(walk, answer, after=walk["last"])


def is_filtered(walk: Walk, answer: Answer) -> None:
    """Check the first page of the books that pass the filter."""
    ((field, value),) = walk["filter"].items()
    check_page(walk, answer, chosen=(field, value.casefold()))


def check_page(
    walk: Walk, answer: Answer, limit: int = PAGE, after: SortKey | None = None, chosen: Filter = ALL
) -> None:
    """Check a page of at most `limit` books behind `after`, and keep its ETag and where the next page begins.

    On a first page the total says how many books must be there, and whether a page follows.
    """
    page, load = body_of(answer, 200), walk["load"]
    expect_form(page, limit)
    items, following, total = page["items"], page["next"], page["total"]
    expect_no_fault(load.snapshot.find_fault_in_page(items, chosen, after, is_last=following is None))
    expect_no_fault(load.snapshot.find_fault_in_total(total, chosen, load.reserved_isbns))
    is_counted = len(items) == min(limit, total) and (following is None) == (total <= limit)
    expect(bool(after) or is_counted, "other books than the total has")
    walk["page_etag"], walk["after"] = answer.headers["ETag"], following

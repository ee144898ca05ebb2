"""A load of which three quarters are writes."""

from load.run.hooks import install_hooks
from load.users.reads import by_author, by_format, by_genre, list_books, one_book, page_on, revalidate
from load.users.session_flow import session_flow
from load.users.user import LibraryUser
from load.users.writes import add_book, change_book, delete_book

MIX = {
    list_books: 40,
    page_on: 30,
    one_book: 90,
    by_author: 20,
    by_genre: 20,
    by_format: 20,
    revalidate: 30,
    add_book: 250,
    change_book: 300,
    delete_book: 200,
    session_flow: 5,
}


class WritingUser(LibraryUser):
    """Keeps the catalogue busy."""

    tasks = MIX


install_hooks()

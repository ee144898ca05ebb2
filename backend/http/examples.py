"""Examples of the OpenAPI documents. Sent as they stand, in the order of a document, each is answered as it says: the
user and the added book are new to init.sql, the other book is in it.
"""

from typing import Any

PASSWORD = "correct horse battery staple"  # noqa: S105 - made up, of nobody
USERNAME = "ada.lovelace"
EMAIL = "ada@example.com"

REGISTRATION = {"username": USERNAME, "email": EMAIL, "password": PASSWORD}
LOGIN = {"username": USERNAME, "password": PASSWORD}
USER = {"id": 1, "username": USERNAME, "email": EMAIL}
TOKEN_PAIR = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.access.signature",
    "refresh_token": "eyJhbGciOiJIUzI1NiJ9.refresh.signature",
    "token_type": "Bearer",
    "expires_in": 900,
}
TOKEN_STATUS = {
    "active": True,
    "sub": "1",
    "username": USERNAME,
    "sid": "0f8e4c1d2b3a49588776a5b4c3d2e1f0",
    "jti": "1a2b3c4d5e6f40718293a4b5c6d7e8f9",
    "iat": 1767225600,
    "exp": 1767226500,
}

NEW_BOOK: dict[str, Any] = {
    "isbn": "9780142437247",
    "title": "Moby-Dick",
    "authors": ["Herman Melville"],
    "genre": "Classics",
    "format": "Paperback",
    "year": 2002,
    "price": "18.00",
    "stock": 12,
}
BOOK: dict[str, Any] = {
    "isbn": "9780552137034",
    "title": "Good Omens",
    "authors": ["Terry Pratchett", "Neil Gaiman"],
    "genre": "Fantasy",
    "format": "Paperback",
    "year": 1991,
    "price": "9.99",
    "stock": 47,
    "version": 1,
}
BOOK_CHANGE = {"price": "10.99", "stock": 46}
BOOK_PAGE = {"items": [BOOK], "next": None, "total": 1}
BOOK_VERSION = {"isbn": NEW_BOOK["isbn"], "version": 1}


def make_problem(status: int, title: str) -> dict[str, Any]:
    """Give an example of an error with that status."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": "What is wrong, in a sentence."}
    return problem | ({"errors": [{"field": "field", "message": "what is wrong with it"}]} if status == 422 else {})

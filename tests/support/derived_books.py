"""Books whose every field follows from one number, so that a mixture of two changes is seen."""

from typing import Any

from tests.support.clients import Json


def derive_fields(number: int, mark: str) -> Json:
    """Return all fields but the ISBN; the small sets that names are taken from are told apart by `mark`."""
    return {
        "title": f"{number * 7919 % 1000:03d} Race {mark} {number}",
        "authors": [f"All {mark}", f"Racer {mark} {number % 4}", f"Writer {mark} {number % 5}"],
        "genre": f"Genre {mark} {number % 3}",
        "format": f"Format {mark} {number % 2}",
        "year": number % 10000,
        "price": f"{number % 1000000}.{number % 100:02d}",
        "stock": number,
    }


def list_filters(number: int, mark: str) -> list[dict[str, str]]:
    """Return questions for lists in which a book of this number stands, each filter alone and combined."""
    book = derive_fields(number, mark)
    names = {"author": book["authors"][1], "genre": book["genre"], "format": book["format"]}
    choices = (("author",), ("genre",), ("format",), ("genre", "format"), ("author", "genre"), tuple(names))
    return [{name: names[name] for name in choice} for choice in choices]


def is_whole(book: Json, mark: str) -> bool:
    """Tell whether all fields of a book follow from the same number, which is its stock."""
    return {**derive_fields(book["stock"], mark), "isbn": book["isbn"], "version": book["version"]} == book


def carries(book: Json, filters: dict[str, str]) -> bool:
    """Tell whether a book has the names that a list was filtered by."""
    having: dict[str, Any] = {"author": book["authors"], "genre": [book["genre"]], "format": [book["format"]]}
    return all(name.casefold() in [each.casefold() for each in having[field]] for field, name in filters.items())

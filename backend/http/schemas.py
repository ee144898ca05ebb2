"""Shapes of what comes in and goes out: they validate requests and make the OpenAPI documents."""

import re
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema

from backend.auth.accounts import LONGEST_KEY, USERNAME, email_key
from backend.auth.passwords import LONGEST_PASSWORD
from backend.catalogue.queries import LONGEST_CURSOR, Place, read_cursor
from backend.http import examples


class SchemaInOrder(GenerateJsonSchema):
    """JSON schemas with everything in the order in which it is written here, examples above all."""

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        """Sort nothing."""
        return value


class Shape(BaseModel):
    """Base of all shapes: unknown fields are refused, and errors never print the value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    @cache  # flask-openapi3 asks for the schema of a query or header shape anew on every request
    def model_json_schema(  # type: ignore[override]
        cls, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Give the JSON schema, made once per class."""
        return super().model_json_schema(*args, **kwargs | {"schema_generator": SchemaInOrder})


def parse_isbn(text: str) -> str:
    """Give the 13 digits of an ISBN-10 or ISBN-13, with or without hyphens.

    Raises ValueError when the form or the check digit is wrong. Source: ISBN Users' Manual, 7th edition, section 5.
    """
    digits = text.replace("-", "").upper()
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        total = sum((10 - position) * (10 if digit == "X" else int(digit)) for position, digit in enumerate(digits))
        if total % 11:
            raise ValueError("the check digit of this ISBN-10 is wrong")
        return _with_check_digit("978" + digits[:9])
    if not re.fullmatch(r"97[89][0-9]{10}", digits):
        raise ValueError("an ISBN has 10 digits, or 13 digits that start with 978 or 979")
    if _with_check_digit(digits[:12]) != digits:
        raise ValueError("the check digit of this ISBN-13 is wrong")
    return digits


def _with_check_digit(twelve: str) -> str:
    total = sum(map(int, twelve[::2])) + 3 * sum(map(int, twelve[1::2]))
    return twelve + str(-total % 10)


def _refuse_blank(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("it must hold a visible character, and no NUL")
    return text


def _at_most_72_bytes(password: str) -> str:
    if len(password.encode()) > LONGEST_PASSWORD:
        raise ValueError(f"it must have at most {LONGEST_PASSWORD} bytes of UTF-8")
    return password


def _refuse_endless_key(email: str) -> str:
    if len(email_key(email)) > LONGEST_KEY:
        raise ValueError("it holds characters that stand for too many others")
    return email


def _refuse_lone_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it must be well-formed Unicode") from None
    return text


def _number_or_decimal_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("it must be a number or a string")
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,2})?", value):
        raise ValueError("it must have at most eight digits, and at most two decimals after a point")
    return value


CURSOR = {"type": "string", "minLength": 1, "maxLength": LONGEST_CURSOR}


def _left_out(**shown: Any) -> Any:
    # Left out is fine, null is not: the default is no value of the field and stays out of the document.
    def show(schema: dict[str, Any]) -> None:
        schema.pop("default", None)
        schema.update(shown)

    return Field(default=None, json_schema_extra=show)


def _with_example(example: dict[str, Any]) -> ConfigDict:
    # Where a document has none, Swagger UI makes one up: an address that fits the pattern is noise.
    return ConfigDict(json_schema_extra={"example": example})


Text = Annotated[StrictStr, AfterValidator(_refuse_lone_surrogates)]
Isbn = Annotated[StrictStr, Field(max_length=32), AfterValidator(parse_isbn)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_refuse_blank)]
Label = Annotated[StrictStr, Field(min_length=1, max_length=50), AfterValidator(_refuse_blank)]
Authors = Annotated[list[Name], Field(min_length=1, max_length=100)]
Year = Annotated[StrictInt, Field(ge=0, le=9999)]
Stock = Annotated[StrictInt, Field(ge=0, le=4294967295)]
Price = Annotated[
    Decimal,
    Field(ge=0, max_digits=10, decimal_places=2),
    BeforeValidator(_number_or_decimal_text),
    AfterValidator(lambda price: price.quantize(Decimal("0.01")) + 0),  # + 0: there is no minus zero in a price
]
Email = Annotated[
    StrictStr,
    Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+$"),
    AfterValidator(_refuse_endless_key),
]


class Registration(Shape):
    """Body of POST /register."""

    model_config = _with_example(examples.REGISTRATION)

    username: Annotated[StrictStr, Field(pattern=f"^{USERNAME}$")]
    email: Email
    password: Annotated[StrictStr, Field(min_length=8), AfterValidator(_at_most_72_bytes)]


class Login(Shape):
    """Body of POST /login: a username or an email, and the password."""

    model_config = _with_example(examples.LOGIN)

    username: Annotated[Text, Field(min_length=1)] = _left_out()
    email: Annotated[Text, Field(min_length=1)] = _left_out()
    password: Text

    @model_validator(mode="after")
    def _one_name(self) -> "Login":
        if (self.username is None) == (self.email is None):
            raise ValueError("give either username or email")
        return self


class User(Shape):
    """A user as others may see it."""

    model_config = _with_example(examples.USER)

    id: int
    username: str
    email: str


class TokenPair(Shape):
    """Answer to a log-in or refresh; `expires_in` is the life of the access token in seconds."""

    model_config = _with_example(examples.TOKEN_PAIR)

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class TokenStatus(Shape):
    """Answer of GET /token/status: the claims of an active token, or the reason why it is not active."""

    model_config = _with_example(examples.TOKEN_STATUS)

    active: bool
    reason: str | None = None
    sub: str | None = None
    username: str | None = None
    sid: str | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None


class NewBook(Shape):
    """Body of POST /api/books."""

    model_config = _with_example(examples.NEW_BOOK)

    isbn: Isbn
    title: Name
    authors: Authors
    genre: Label
    format: Label
    year: Year
    price: Price
    stock: Stock


class BookChange(Shape):
    """Body of PATCH /api/books/{isbn}: any field but isbn; none may be null."""

    model_config = _with_example(examples.BOOK_CHANGE)

    title: Name = _left_out()
    authors: Authors = _left_out()
    genre: Label = _left_out()
    format: Label = _left_out()
    year: Year = _left_out()
    price: Price = _left_out()
    stock: Stock = _left_out()


class Book(Shape):
    """A book of the catalogue."""

    model_config = _with_example(examples.BOOK)

    isbn: str
    title: str
    authors: list[str]
    genre: str
    format: str
    year: int
    price: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]{2}$")]
    stock: int
    version: int


class BookPage(Shape):
    """One page of the catalogue; `next` is null on the last page."""

    model_config = _with_example(examples.BOOK_PAGE)

    items: list[Book]
    next: str | None
    total: int


class BookVersion(Shape):
    """Answer of a command."""

    model_config = _with_example(examples.BOOK_VERSION)

    isbn: str
    version: int


class BookPath(Shape):
    """The book that a path names."""

    isbn: Annotated[Isbn, Field(json_schema_extra={"example": examples.BOOK["isbn"]})]


class DeletedBookPath(BookPath):
    """The book that a path names; as an example the book that the example of POST has added."""

    isbn: Annotated[Isbn, Field(json_schema_extra={"example": examples.NEW_BOOK["isbn"]})]


class BookQuery(Shape):
    """Query of GET /api/books."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: Annotated[Place, BeforeValidator(read_cursor), WithJsonSchema(CURSOR)] = _left_out(
        description="The `next` of the last page."
    )
    author: Name = _left_out(example=examples.BOOK["authors"][0])
    genre: Label = _left_out(example=examples.BOOK["genre"])
    format: Label = _left_out(example=examples.BOOK["format"])


class CommandHeaders(Shape):
    """Headers of POST /api/books."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    idempotency_key: Annotated[
        str, Field(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = _left_out(description="Any text of yours; the same key and body again gives the first answer.")


class FieldError(Shape):
    """One field that is not valid."""

    field: str
    message: str


class Problem(Shape):
    """Every error: RFC 9457, application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None

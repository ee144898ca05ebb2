"""The books service: HTTP only. Queries first, commands below; each call needs an access token."""

from flask import Response, g, request
from flask_openapi3 import APIBlueprint, Tag

from backend.catalogue import commands, queries
from backend.http.fast_path import FastPath, Read
from backend.http.schemas import (
    Book,
    BookChange,
    BookPage,
    BookPath,
    BookQuery,
    BookVersion,
    CommandHeaders,
    DeletedBookPath,
    NewBook,
)
from backend.http.web import ACCESS_TOKEN, answer_query, build_app, check_signature, check_token, json_answer, problems
from backend.read_model.projector import start_projector
from backend.server.usage import start_measuring_stores

QUERIES = Tag(name="Queries", description="They change nothing, and are answered from the read model.")
COMMANDS = Tag(name="Commands", description="They change the catalogue in MariaDB, and answer with ISBN and version.")

app = build_app("books", "Books service", "access_token")
app.config["BACKGROUND"] += [start_projector, start_measuring_stores]  # gunicorn.conf.py starts them in each worker
queries_api = APIBlueprint(
    "queries",
    __name__,
    url_prefix="/api",
    abp_tags=[QUERIES],
    abp_security=ACCESS_TOKEN,
    abp_responses=problems(401, 422, 503),
)
commands_api = APIBlueprint(
    "commands",
    __name__,
    url_prefix="/api",
    abp_tags=[COMMANDS],
    abp_security=ACCESS_TOKEN,
    abp_responses=problems(401, 422, 503),
)
queries_api.before_request(check_signature)  # the session is seen by the query, in the trip that brings the answer
commands_api.before_request(check_token)


@queries_api.get("/books", responses={200: BookPage, 304: None})
def list_books(query: BookQuery) -> Response:
    """List books by title, then ISBN, a page at a time; with Cache-Control: no-cache the page comes from MariaDB."""
    return answer_query(queries.list_books(g.caller, **dict(query), fresh=wants_fresh()))


@queries_api.get("/books/<isbn>", responses={200: Book, 304: None, **problems(404)})
def get_book(path: BookPath) -> Response:
    """Show one book; with Cache-Control: no-cache from MariaDB and not from the read model."""
    return answer_query(queries.get_book(g.caller, path.isbn, fresh=wants_fresh()))


@commands_api.post("/books", responses={201: BookVersion, **problems(400, 409, 413, 415)})
def add_book(body: NewBook, header: CommandHeaders) -> Response:
    """Add a book; with an Idempotency-Key it is added once, however often it is sent."""
    answer, replayed = commands.add_book(body.model_dump(), g.caller.user_id, header.idempotency_key)
    response = json_answer(answer, 201, Location=f"/api/books/{answer['isbn']}", ETag=f'"{answer["version"]}"')
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@commands_api.patch("/books/<isbn>", responses={200: BookVersion, **problems(400, 404, 412, 413, 415)})
def change_book(path: BookPath, body: BookChange) -> Response:
    """Change any field but the ISBN, with If-Match only the version that it names."""
    answer = commands.change_book(path.isbn, body.model_dump(exclude_unset=True), if_match_holds)
    return json_answer(answer, ETag=f'"{answer["version"]}"')


@commands_api.delete("/books/<isbn>", responses={204: None, **problems(404, 412)})
def delete_book(path: DeletedBookPath) -> tuple[str, int]:
    """Delete a book, with If-Match only the version that it names."""
    commands.delete_book(path.isbn, if_match_holds)
    return "", 204


def wants_fresh() -> bool:
    """Say whether the caller wants the answer from MariaDB and not from the read model."""
    return "no-cache" in request.headers.get("Cache-Control", "").lower()


def if_match_holds(version: int) -> bool:
    """Say whether If-Match, where it is given, names this version."""
    return "If-Match" not in request.headers or request.if_match.contains(str(version))


app.fast_path = FastPath(
    {
        "/api/books": Read(BookQuery, lambda caller, query: queries.find_page(caller, **dict(query))),
        "/api/books/<isbn>": Read(BookPath, lambda caller, path: queries.find_book(caller, path.isbn)),
    }
)
app.register_api(queries_api)
app.register_api(commands_api)

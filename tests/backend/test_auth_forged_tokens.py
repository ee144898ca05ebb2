"""No forged, cut, swapped or doubled token opens either service: always 401, never 500."""

from collections.abc import Iterator

import jwt
import pytest

from tests.support.clients import Client, Json, check_problem, register, send_raw, sign_in
from tests.support.forgery import (
    Forge,
    list_algorithm_forgeries,
    list_claim_forgeries,
    list_stale_forgeries,
    list_text_forgeries,
    sign,
)
from tests.support.stacks import Stack

WRONG = [*list_algorithm_forgeries(), *list_claim_forgeries()]
STALE = list(list_stale_forgeries())
Doors = list[tuple[Client, str]]


@pytest.fixture(scope="module")
def live(stack: Stack) -> Json:
    """The tokens of one session that lives as long as this module."""
    return sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))


@pytest.fixture(scope="module")
def claims(live: Json) -> Json:
    """The claims of the live access token."""
    return dict(jwt.decode(live["access_token"], options={"verify_signature": False}))


@pytest.fixture(scope="module")
def doors(stack: Stack) -> Iterator[Doors]:
    """A client and a path for each call that the tokens are tried on."""
    with Client(stack["AUTH_URL"]) as auth, Client(stack["BOOKS_URL"]) as books:
        yield [(auth, "/me"), (books, "/api/books?limit=1"), (auth, "/token/status")]


def test_the_same_claims_signed_well_do_open_the_doors(doors: Doors, claims: Json, stack: Stack) -> None:
    header = {"Authorization": f"Bearer {sign(claims, stack['JWT_SECRET'])}"}
    assert [client.get(path, headers=header).status_code for client, path in doors] == [200, 200, 200]


@pytest.mark.parametrize("forge", [forge for _, forge in WRONG], ids=[name for name, _ in WRONG])
def test_a_forged_token_is_401(doors: Doors, claims: Json, stack: Stack, forge: Forge) -> None:
    header = {"Authorization": f"Bearer {forge(claims, stack['JWT_SECRET'])}"}
    for client, path in doors:
        check_problem(client.get(path, headers=header), 401)


@pytest.mark.parametrize("path", ["/refresh", "/logout"])
def test_a_refresh_token_with_an_odd_text_is_401_and_harms_no_session(
    doors: Doors, live: Json, claims: Json, stack: Stack, path: str
) -> None:
    auth, me = doors[0]
    renewing = dict(jwt.decode(live["refresh_token"], options={"verify_signature": False}))
    for name, forge in list_text_forgeries():
        answer = auth.post(path, headers={"Authorization": f"Bearer {forge(renewing, stack['JWT_SECRET'])}"})
        assert answer.status_code == 401, name
    assert auth.get(me, headers={"Authorization": f"Bearer {sign(claims, stack['JWT_SECRET'])}"}).status_code == 200


@pytest.mark.parametrize("forge", [forge for _, forge in STALE], ids=[name for name, _ in STALE])
def test_a_token_that_is_over_is_401_and_inactive(doors: Doors, claims: Json, stack: Stack, forge: Forge) -> None:
    header = {"Authorization": f"Bearer {forge(claims, stack['JWT_SECRET'])}"}
    (auth, me), (books, catalogue), (_, status) = doors
    check_problem(auth.get(me, headers=header), 401)
    check_problem(books.get(catalogue, headers=header), 401)
    assert auth.get(status, headers=header).json()["active"] is False


@pytest.mark.parametrize("ending", ["=", "==", '"}', ".", " "])
def test_a_token_with_something_added_never_breaks_the_service(doors: Doors, live: Json, ending: str) -> None:
    header = {"Authorization": f"Bearer {live['access_token']}{ending}x"}
    for client, path in doors:
        check_problem(client.get(path, headers=header), 401)


def test_a_token_in_the_query_is_not_taken(doors: Doors, live: Json) -> None:
    for client, path in doors:
        joint = "&" if "?" in path else "?"
        check_problem(client.get(f"{path}{joint}access_token={live['access_token']}"), 401)


def send_headers(client: Client, path: str, *values: str) -> tuple[int, dict[str, str]]:
    """Ask with an Authorization header for each value; return status and headers."""
    lines = "".join(f"Authorization: {value}\r\n" for value in values)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Connection: close\r\n\r\n"
    status, headers, _ = send_raw(client.url, request.encode())
    return status, headers


def test_two_authorization_headers_are_refused(doors: Doors, live: Json) -> None:
    good = f"Bearer {live['access_token']}"
    for client, path in doors:
        assert send_headers(client, path, good)[0] == 200
        for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good), (good, "Basic YTpi"), (good, "")):
            status, headers = send_headers(client, path, *pair)
            assert status == 401, pair
            assert headers["content-type"].startswith("application/problem+json")


def test_a_forged_token_never_ends_the_real_session(doors: Doors, claims: Json, stack: Stack, live: Json) -> None:
    auth = doors[0][0]
    forged = sign({**claims, "token_use": "refresh"}, stack["JWT_SECRET"] + "x")
    for path in ("/refresh", "/logout", "/logout/all"):
        check_problem(auth.post(path, headers={"Authorization": f"Bearer {forged}"}), 401)
    header = {"Authorization": f"Bearer {live['access_token']}"}
    assert auth.get("/me", headers=header).status_code == 200

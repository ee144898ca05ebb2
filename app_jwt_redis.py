"""The auth service: HTTP only. Register, log in, refresh, log out, and what a token says."""

from flask import Response, g
from flask_openapi3 import APIBlueprint, Tag

from backend.answer import Answer, to_json
from backend.auth import accounts, sessions
from backend.caller import Caller
from backend.http.fast_path import FastPath, Read
from backend.http.schemas import Login, Registration, TokenPair, TokenStatus, User
from backend.http.web import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    answer_query,
    bearer_token,
    build_app,
    check_token,
    json_answer,
    problems,
    token_answer,
)
from backend.stores.live_sessions import look_up

ACCOUNTS = Tag(name="Accounts", description="Who may log in.")
SESSIONS = Tag(name="Sessions", description="A session lasts from a log-in to its log-out; its tokens end with it.")

app = build_app("auth", "Auth service", "access_token", "refresh_token")
signed_in_api = APIBlueprint("signed_in", __name__, abp_security=ACCESS_TOKEN, abp_responses=problems(401, 503))
signed_in_api.before_request(check_token)


@app.post("/register", tags=[ACCOUNTS], responses={201: User, **problems(400, 409, 413, 415, 422, 503)})
def register(body: Registration) -> Response:
    """Register a user."""
    user = accounts.register_user(body.username, body.email, body.password)
    return json_answer(user, 201)


@app.post("/login", tags=[SESSIONS], responses={200: TokenPair, **problems(400, 401, 413, 415, 422, 429, 503)})
def log_in(body: Login) -> Response:
    """Open a session with a username or an email, and the password."""
    user = accounts.authenticate(body.username or body.email, body.password)
    return token_answer(sessions.start_session(user))


@app.post("/refresh", tags=[SESSIONS], responses={200: TokenPair, **problems(401, 503)}, security=REFRESH_TOKEN)
def refresh() -> Response:
    """Take the refresh token, which works once, for a new pair."""
    return token_answer(sessions.refresh_session(bearer_token()))


@app.post(
    "/logout", tags=[SESSIONS], responses={204: None, **problems(401, 503)}, security=ACCESS_TOKEN + REFRESH_TOKEN
)
def log_out() -> tuple[str, int]:
    """End the session of an access or refresh token."""
    sessions.end_session(bearer_token())
    return "", 204


@app.get("/token/status", tags=[SESSIONS], responses={200: TokenStatus, **problems(401, 503)}, security=ACCESS_TOKEN)
def show_token_status() -> Response:
    """Say whether a well-signed access token is active."""
    return token_answer(sessions.token_status(bearer_token()))


@signed_in_api.post("/logout/all", tags=[SESSIONS], responses={204: None})
def log_out_everywhere() -> tuple[str, int]:
    """End all sessions of the user."""
    sessions.end_all_sessions(g.caller.user_id)
    return "", 204


@signed_in_api.get("/me", tags=[ACCOUNTS], responses={200: User})
def show_me() -> Response:
    """Show the user whose token this is."""
    return answer_query(describe(g.caller))


def find_me(caller: Caller, _: None) -> Answer:
    """Give the user of a caller whose session has yet to be looked up."""
    look_up(caller)
    return describe(caller)


def describe(caller: Caller) -> Answer:
    """Give the user of a caller."""
    return Answer(to_json(caller.user).encode())


app.fast_path = FastPath({"/me": Read(None, find_me)})
app.register_api(signed_in_api)

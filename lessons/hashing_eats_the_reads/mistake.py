"""A service that hashes passwords in the same threads that answer reads."""

import os

import bcrypt
import redis
from flask import Flask, request

app = Flask(__name__)
store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
STORED = bcrypt.hashpw(b"secret", bcrypt.gensalt(12))  # as the database has it


@app.get("/books/<int:number>")
def read_book(number: int) -> dict[str, object]:
    return {"number": number, "title": store.hget("titles", str(number))}


@app.post("/login")
def log_in() -> tuple[dict[str, bool], int]:
    # A quarter of a second of a core at cost 12. Eight such requests, and all threads of both workers are taken.
    known = bcrypt.checkpw(request.json["password"].encode(), STORED)
    return {"known": known}, 200 if known else 401

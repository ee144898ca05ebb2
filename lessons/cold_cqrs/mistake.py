"""A read model that is rebuilt in place."""

import os

import redis
from flask import Flask

from lessons.cold_cqrs.books import walk

app = Flask(__name__)
model = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.get("/books/<int:number>")
def read_book(number: int) -> tuple[dict[str, object], int]:
    title = model.hget("titles", str(number))
    return {"number": number, "title": title}, 200 if title else 404


@app.post("/rebuild")
def rebuild() -> tuple[str, int]:
    """Empty the read model and fill it again: until the end, queries miss the books that are not there yet."""
    model.delete("titles")
    for batch in walk():
        model.hset("titles", mapping=batch)
    return "", 204

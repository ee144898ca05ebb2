"""A service that reads a book from Redis, and stands still as long as Redis does."""

import os

import redis
from flask import Flask

app = Flask(__name__)
catalogue = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.get("/books/<int:number>")
def read_book(number: int) -> dict[str, object]:
    return {"number": number, "title": catalogue.hget("titles", str(number))}

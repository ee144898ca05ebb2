"""A service with a plain bug: it answers 200, and under load now and then with the title of another book."""

import os

import redis
from flask import Flask

app = Flask(__name__)
catalogue = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
answer: dict[str, object] = {}  # the bug: made only once "to save time", and so shared by all threads of the process


@app.get("/books/<int:number>")
def read_book(number: int) -> dict[str, object]:
    answer["number"] = number
    # While this thread waits for Redis, another puts the number of its own book into the shared answer.
    answer["title"] = catalogue.hget("titles", str(number))
    return answer

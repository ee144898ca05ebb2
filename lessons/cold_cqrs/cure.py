"""A read model in generations: the next is built beside the one in use."""

import os
import time

import redis
from flask import Flask

from lessons.cold_cqrs.books import walk

app = Flask(__name__)
model = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)

# In one step: between two, the generation that was looked up could be removed.
READ = model.register_script("return redis.call('HGET', redis.call('GET', 'in use') or '', ARGV[1])")


@app.get("/books/<int:number>")
def read_book(number: int) -> tuple[dict[str, object], int]:
    title = READ(args=[number])
    return {"number": number, "title": title}, 200 if title else 404


@app.post("/rebuild")
def rebuild() -> tuple[str, int]:
    """Fill a new generation beside the one in use, put it in use at once, and remove the old one."""
    new = f"titles:{time.time_ns()}"
    for batch in walk():
        model.hset(new, mapping=batch)
    old = model.getset("in use", new)
    if old:
        model.unlink(old)
    return "", 204

"""A service that loses every tenth answer: the work is done, then the connection closes, as when a worker dies."""

import os
import socket

import redis
from flask import Flask, Response, request

app = Flask(__name__)
shelf = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.get("/books/<int:book>")
def read_book(book: int) -> tuple[dict[str, int], int]:
    return {"book": book}, 200 if shelf.sismember("books", str(book)) else 404


@app.delete("/books/<int:book>")
def remove_book(book: int) -> tuple[str, int]:
    return "", 204 if shelf.srem("books", str(book)) else 404


@app.after_request
def count_and_lose_every_tenth(answer: Response) -> Response:
    number = shelf.hincrby("answers", f"{request.method} {answer.status_code}", 1)
    if number % 10 == 0:
        request.environ["gunicorn.socket"].shutdown(socket.SHUT_RDWR)
    return answer

"""The base of comparison: the least that Flask can do, a route that answers with a book's JSON made beforehand."""

import os

from flask import Flask, Response

BOOK = os.environ.get("BENCHMARK_BOOK", "{}")
app = Flask(__name__)


@app.get("/book")
def show_book() -> Response:
    """Answer with the JSON of one book."""
    return Response(BOOK, mimetype="application/json")

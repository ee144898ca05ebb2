"""The books service as it began: started by app.run(), with the server that Flask has for its developers."""

import os
import time

from flask import Flask
from flask.typing import ResponseReturnValue

STORE_S = 0.02  # a question to MariaDB, for which a thread waits

app = Flask(__name__)


@app.get("/book")
def read_book() -> ResponseReturnValue:
    """Answer with a book, as the service does once MariaDB has answered."""
    time.sleep(STORE_S)
    return {"isbn": "9780306406157", "title": "Don Quijote de la Mancha", "stock": 12}


if __name__ == "__main__":
    # Since Flask 1.0 the server starts a thread for each connection. Before, it had one thread for everybody.
    app.run(port=int(os.environ["PORT"]), threaded=os.environ["THREADED"] == "yes")

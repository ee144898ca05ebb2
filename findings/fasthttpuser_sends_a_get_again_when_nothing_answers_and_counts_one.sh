#!/usr/bin/env bash
# Question:      a server closes the connection without an answer. How often does a FastHttpUser of Locust send one
#                request, and how many does Locust count?
# Tempting guess: once, for FastHttpUser's max_retries is 0; and whatever is sent is counted.
# Versions:      Locust 2.47.0 with geventhttpclient 2.6.1.
# Behaviour:     geventhttpclient has a loop of its own below that setting: GET, HEAD, OPTIONS, PUT and DELETE are sent
#                again, 12 times in all with the usual concurrency of 10, POST and PATCH once. Locust counts one. So a
#                DELETE that was carried out, and whose answer was lost, can come back as 404.
# Output seen:   GET 12, DELETE 12, POST 1, counted by Locust 3
set -Eeuo pipefail

folder=$(mktemp -d)
server=''
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet locust==2.47.0 geventhttpclient==2.6.1

cat >server.py <<'PY'
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = connection.recv(65536).split(b" ", 1)[0]
    with open("seen", "ab") as file:
        file.write(head + b"\n")
    connection.close()
PY
cat >load.py <<'PY'
from locust import FastHttpUser, constant, task
from locust.exception import StopUser


class Once(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/")
        self.client.delete("/")
        self.client.post("/", data="x")
        raise StopUser
PY
venv/bin/python server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.1; done
venv/bin/locust -f load.py --host "http://127.0.0.1:$(cat port)" --headless -u 1 -r 1 -t 5s --csv run \
  --exit-code-on-error 0 --only-summary >log 2>&1
times() { grep -cx "$1" seen; }
counted=$(awk -F, '$2 == "Aggregated" { print $3 }' run_stats.csv)
seen="GET $(times GET), DELETE $(times DELETE), POST $(times POST), counted by Locust $counted"
echo "$seen"
[[ $seen == 'GET 12, DELETE 12, POST 1, counted by Locust 3' ]]

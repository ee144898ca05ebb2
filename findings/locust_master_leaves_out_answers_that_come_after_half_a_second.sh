#!/usr/bin/env bash
# Question:      ten users on two worker processes meet a server that takes 2.2 s; --stop-timeout 10 lets the last
#                requests end. Do Locust's totals have all the requests that the users finished?
# Tempting guess: yes, for the master waits for its workers as long as the stop-timeout says.
# Version:       Locust 2.47.0.
# Behaviour:     at the end of the run time the master sends "quit", sleeps half a second and writes its totals. What
#                the workers' users finish after that reaches no file, whatever the stop-timeout.
# Output seen:   finished by users: 30, in Locust's totals: 20
set -Eeuo pipefail

folder=$(mktemp -d)
server=''
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet locust==2.47.0

cat >server.py <<'PY'
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(2.2)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >load.py <<'PY'
import os

from locust import FastHttpUser, constant, task


class Asking(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/")
        with open("finished", "a") as file:
            os.write(file.fileno(), b".")
PY
venv/bin/python server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.1; done
venv/bin/locust -f load.py --host "http://127.0.0.1:$(cat port)" --headless -u 10 -r 10 -t 5s --stop-timeout 10 \
  --processes 2 --csv run --only-summary >log 2>&1
sleep 3 # the workers outlive their master
finished=$(wc -c <finished)
counted=$(awk -F, '$2 == "Aggregated" { print $3 }' run_stats.csv)
echo "finished by users: $finished, in Locust's totals: $counted"
((counted > 0 && counted < finished))

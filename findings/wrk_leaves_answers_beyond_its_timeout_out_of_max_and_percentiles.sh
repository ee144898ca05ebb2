#!/usr/bin/env bash
# Question:      one connection, answers in 1 ms, and one that takes 2.5 s. What does wrk say is the longest?
# Tempting guess: 2.5 s, because wrk goes on to read the answer, and counts it among its requests.
# Version:       wrk 4.1.0-3+b2 (Debian 12).
# Behaviour:     an answer that takes longer than --timeout (2 s) counts as a request and as a timeout, and is left out of
#                average, percentiles and Max. With --timeout 4s it is in them.
# Output seen:   Max 7.19ms with 1 timeout; with --timeout 4s Max 2.50s with 0
set -Eeuo pipefail

folder=$(mktemp -d)
server=''
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet -o APT::Sandbox::User=root wrk=4.1.0-3+b2 >/dev/null # after an apt-get update
dpkg-deb --extract wrk_*.deb programs

cat >server.py <<'PY'
import asyncio
import itertools


async def serve(reader, writer):
    numbers = itertools.count(1)
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(2.5 if next(numbers) == 300 else 0.001)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
PY
python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.1; done
for timeout in 2s 4s; do
  programs/usr/bin/wrk -t1 -c1 -d6s --timeout $timeout --latency "http://127.0.0.1:$(cat port)/" >"$timeout.log"
done
python3 - <<'PY'
import re

longest, timeouts = {}, {}
for timeout in ("2s", "4s"):
    said = open(f"{timeout}.log").read()
    longest[timeout] = re.search(r"Latency +\S+ +\S+ +(\S+)", said)[1]
    found = re.search(r"timeout (\d+)", said)
    timeouts[timeout] = int(found[1]) if found else 0
print(
    f"Max {longest['2s']} with {timeouts['2s']} timeout; "
    f"with --timeout 4s Max {longest['4s']} with {timeouts['4s']}"
)
assert longest["2s"].endswith("ms") and timeouts == {"2s": 1, "4s": 0} and longest["4s"].startswith("2.5")
PY

#!/usr/bin/env bash
# Question:      a server takes 20 ms for an answer, and breaks off every second one at once, in the middle of its body.
#                What do errors and latency of autocannon say after 4 s with one connection?
# Tempting guess: half of the requests are errors, and the latency of the others is 20 ms.
# Version:       autocannon 9.0.0 (npm).
# Behaviour:     errors and resets are 0. The connection is opened again, but the begin of the request whose answer broke
#                off stays in the queue of begins. So each whole answer is measured from the begin of an ever earlier
#                request, and the latency grows with the length of the run: to half of it here.
# Output seen:   requests sent 284, whole answers 141, errors 0, resets 0, p50 1057 ms, highest 1992 ms
set -Eeuo pipefail

folder=$(mktemp -d)
server=''
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts autocannon@9.0.0 >/dev/null

cat >server.py <<'PY'
import asyncio
import itertools

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
numbers = itertools.count()


async def serve(reader, writer):
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            is_whole = next(numbers) % 2
            await asyncio.sleep(0.02 if is_whole else 0)
            writer.write(HEAD + b"x" * (1000 if is_whole else 500))
            await writer.drain()
            if not is_whole:
                break
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
node_modules/.bin/autocannon --json --no-progress --connections 1 --duration 4 "http://127.0.0.1:$(cat port)/" \
  >run.json 2>log
python3 - <<'PY'
import json

run = json.load(open("run.json"))
latency = run["latency"]
print(
    f"requests sent {run['requests']['sent']}, whole answers {run['2xx']}, errors {run['errors']}, "
    f"resets {run['resets']}, p50 {latency['p50']} ms, highest {latency['max']} ms"
)
assert run["errors"] == run["resets"] == 0 and run["requests"]["sent"] > 1.8 * run["2xx"]
assert latency["p50"] > 500 and latency["max"] > 1500
PY

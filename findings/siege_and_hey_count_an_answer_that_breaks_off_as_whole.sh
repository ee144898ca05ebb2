#!/usr/bin/env bash
# Question:      a server announces 1,000 bytes, and breaks off every second answer after 500. Which of wrk, siege and
#                hey notice?
# Tempting guess: all, because a client that reads less than Content-Length says has met an error.
# Version:       wrk 4.1.0-3+b2, siege 4.0.7-1+b1, hey 0.1.4-2+b4 (Debian 12).
# Behaviour:     wrk counts each as a read error, and leaves it out of its requests. siege says availability 100 %, and
#                no failed transaction. hey says 200 for each, and adds the announced bytes up, not those that came.
# Output seen:   wrk: 695 requests, 699 read errors. siege: availability 100.00, failed transactions 0
#                hey: 200 answers with status 200, 1000 bytes each
set -Eeuo pipefail

folder=$(mktemp -d)
server=''
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet -o APT::Sandbox::User=root wrk=4.1.0-3+b2 siege=4.0.7-1+b1 hey=0.1.4-2+b4 >/dev/null # after an apt-get update
for package in ./*.deb; do dpkg-deb --extract "$package" programs; done

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
url="http://127.0.0.1:$(cat port)/"
programs/usr/bin/wrk -t1 -c4 -d4s "$url" >wrk.log
HOME=$folder programs/usr/bin/siege -b -c4 -t4S "$url" >siege.log 2>&1
programs/usr/bin/hey -c 4 -n 200 "$url" >hey.log
python3 - <<'PY'
import re

wrk, siege, hey = (open(f"{name}.log").read() for name in ("wrk", "siege", "hey"))
requests = int(re.search(r"(\d+) requests in", wrk)[1])
broken = int(re.search(r"read (\d+), write", wrk)[1])
available = re.search(r'"availability":\s*([\d.]+)', siege)[1]
failed = re.search(r'"failed_transactions":\s*(\d+)', siege)[1]
right = int(re.search(r"\[200\]\s+(\d+) responses", hey)[1])
size = re.search(r"Size/request:\s+(\d+) bytes", hey)[1]
print(f"wrk: {requests} requests, {broken} read errors. siege: availability {available}, failed transactions {failed}")
print(f"hey: {right} answers with status 200, {size} bytes each")
assert broken > 0.8 * requests and (available, failed, right, size) == ("100.00", "0", 200, "1000")
PY

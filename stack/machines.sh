# shellcheck shell=bash
# The machines that make a run's load together, for run_all_tests.sh: it waits for them, may be one of them itself, and
# lets them leave at the end. Sourced after venv.sh; the caller has say, refuse and run_child.

LOAD_PORT=5557 # Locust's own
LOCAL_SHARE='' # join_load.sh on this machine

# The address of this machine on the way to the host of a URL: there the others reach it too.
find_own_address() {
  "$PYTHON" - "$1" <<'PYTHON'
import socket
import sys
from urllib.parse import urlsplit

host = urlsplit(sys.argv[1]).hostname
family, kind, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
with socket.socket(family, kind) as probe:
    probe.connect(address)
    print(probe.getsockname()[0])
PYTHON
}

# Where the caller has given no BIND.
choose_bind() {
  if [[ -n $BIND ]]; then return; fi
  BIND=$(find_own_address "$AUTH_URL") || refuse "no address of this machine leads to $AUTH_URL; give it with --bind" 3
  if [[ $BIND == 127.* || $BIND == ::1 ]]; then
    refuse "the other machines do not reach $AUTH_URL: give the services' address with --host or --auth-url/--books-url"
  fi
}

# $1: how many machines; $2: the processes of this machine, 0 for none; $3: the results folder.
gather_machines() {
  local count=$1 own=$2 shown=$BIND
  case $BIND in 0.0.0.0 | ::) shown=$(find_own_address "$AUTH_URL") || shown=ADDRESS-OF-THIS-MACHINE ;; esac
  LOAD_SECRET=${LOAD_SECRET:-$("$PYTHON" -c 'from load.machines.proof import make_secret; print(make_secret())')}
  export LOAD_SECRET
  echo "On each load machine, in this project's folder, type:"
  echo "  LOAD_SECRET=$LOAD_SECRET ./join_load.sh $shown"
  if ((own > 0)); then
    count=$((count + 1))
    ./join_load.sh "$BIND" --processes "$own" </dev/null >>"$3/join_load.log" 2>&1 &
    LOCAL_SHARE=$!
  fi
  run_child "$PYTHON" -m load.machines.muster gather "$3" --machines "$count" --own "$own" \
    --bind "$BIND" --port "$LOAD_PORT" || exit 3
}

# Lets all machines leave; $1: the results folder.
dismiss_machines() {
  "$PYTHON" -m load.machines.muster dismiss "$1" --bind "$BIND" --port "$LOAD_PORT" </dev/null || true
  if [[ -n $LOCAL_SHARE ]]; then
    kill "$LOCAL_SHARE" 2>/dev/null || true
    wait "$LOCAL_SHARE" 2>/dev/null || true
    LOCAL_SHARE=''
  fi
}

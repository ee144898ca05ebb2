#!/usr/bin/env bash
# Makes a share of the load of a run that another machine leads with ./run_all_tests.sh --machines N.
#
# Usage: LOAD_SECRET=... ./join_load.sh MASTER [--processes K] [--name NAME] [--port PORT] [--stay] [--keep]
#
#   MASTER         the address that the master shows, with the whole line to type here
#   --processes K  processes that make the load on this machine (1)
#   --name NAME    what the reports call this machine (its host name)
#   --port PORT    the master's port (5557)
#   --stay         when a run is over, wait for the next; set LOAD_SECRET on the master yourself then
#   --keep         keep this machine's copies of the records
#
# Installs what it needs, in .venv. It takes accounts and tokens from the master, and removes them at the end. Exit 0:
# all records are at the master; 3: the master refused, is gone, or lacks a record; 64: usage; 130: interrupted.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null) || SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
cd "$(dirname "$SELF")"
# shellcheck source=stack/venv.sh
. ./stack/venv.sh

case "${1:-}" in
-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$SELF" && exit ;;
esac
ensure_venv
exec "$PYTHON" -m load.machines.join "$@"

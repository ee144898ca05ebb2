#!/usr/bin/env bash
# Says whether B is slower than A: loads two builds of this project in turn, block by block, and compares the pairs.
#
# Usage: ./compare.sh [--quick|--full] [--scenario NAME] [--within SHARE] [--saturate] [--out DIR] A B
#
#   A, B             each a git revision of this project, a folder with it, or a host: http://HOST means its ports 5000
#                    and 5001, AUTH_URL,BOOKS_URL gives both addresses
#   --full           blocks of 20 s, half an hour (default)
#   --quick          blocks of 10 s, about seven minutes
#   --scenario NAME  whose users and mix are the load: read_heavy (default), write_heavy, baseline or soak
#   --within SHARE   up to here a difference is none: 10% (default), or a number like 0.1
#   --saturate       no think time: both are loaded as far as they go, and the answers per second decide
#   --host-a HOST    A is this host, or AUTH_URL,BOOKS_URL; then give B alone
#   --host-b HOST    B is this host; then give A alone
#   --out DIR        the results folder, a new or empty one (test_results_YYYYMMDD_HHMMSS in this folder)
#   --help           this text
#
# A revision is checked out below .local/ (or STACK_DIR), and each side that is no host gets a private stack there from
# its own local_stack.sh; both are removed at the end. In the environment, AUTH_WORKERS, BOOKS_WORKERS and the settings
# of .env.example that are not about the stores count for both stacks. The token of a host is METRICS_TOKEN_A or
# METRICS_TOKEN_B, else METRICS_TOKEN, from the environment or from .env in this folder. The load and the analysis are
# those of this folder. COMPARE_BLOCKS=SECONDS:PAIRS asks for other blocks; SECONDS:PAIRS:a records one side alone,
# which is no comparison.
#
# Exit codes: 0 SAME or FASTER, 1 SLOWER, 2 CANNOT TELL or INVALID, 3 it broke, 64 wrong usage, 130 interrupted.
set -Eeuo pipefail

CALLED_FROM=$PWD
unset CDPATH # cd would look there first
SELF=$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null) || SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
cd "$(dirname "$SELF")"
# shellcheck source=stack/venv.sh
. ./stack/venv.sh

case " $* " in
*' --help '* | *' -h '*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$SELF" && exit ;;
esac
ensure_venv || exit 3
forget_variables LOCUST
forget_variables GEVENT
exec "$PYTHON" -m load.compare --called-from "$CALLED_FROM" "$@"

#!/usr/bin/env bash
# usage: tests/run_tests.sh [--fast | --long] [pytest options and tests]
#
# Makes the environment on first use, then runs lint, types and tests.
#   --fast   leave out what needs the emulators
#   --long   also the tests that take minutes: cloud faults, kills, races, and
#            the benchmarks in small
set -euo pipefail

ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT VENV=$ROOT/.venv
readonly PY=$VENV/bin/python REQUIREMENTS=$ROOT/requirements.txt TOOLS=$ROOT/tests/requirements.txt

die() {
    printf 'run_tests.sh: %s\n' "$1" >&2
    exit 2
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' </dev/null >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die 'needs Python 3.10 or later as python3 on PATH; install it (https://www.python.org/downloads/) and start again'
}

# The environment's Python version and the checksum of the given files together.
fingerprint() {
    "$PY" -I -c 'import hashlib, sys
content = b"".join(open(name, "rb").read() for name in sys.argv[1:])
print("%d.%d" % sys.version_info[:2], hashlib.sha256(content).hexdigest())' "$@" 2>/dev/null
}

# is_marked MARKER FILE...: whether the last step for these files was done. .complete is the deploy script's marker too.
is_marked() {
    local marker=$1
    shift
    [ -x "$PY" ] && [ -f "$VENV/$marker" ] && [ "$(fingerprint "$@")" = "$(cat "$VENV/$marker")" ]
}

make_environment() {
    local python
    if ! is_marked .complete "$REQUIREMENTS"; then
        python=$(find_python)
        printf 'Making the virtual environment %s (about a minute).\n' "$VENV"
        "$python" -I -m venv --clear "$VENV" ||
            die 'cannot make the virtual environment; on Debian and Ubuntu: sudo apt install python3-venv'
        "$PY" -I -m pip install -q --disable-pip-version-check --no-input -r "$REQUIREMENTS"
        fingerprint "$REQUIREMENTS" >"$VENV/.complete"
    fi
    if ! is_marked .complete-tests "$REQUIREMENTS" "$TOOLS"; then
        printf 'Installing the tools of the tests.\n'
        "$PY" -I -m pip install -q --disable-pip-version-check --no-input -r "$REQUIREMENTS" -r "$TOOLS"
        fingerprint "$REQUIREMENTS" "$TOOLS" >"$VENV/.complete-tests"
    fi
}

check_code() {
    local scripts
    mapfile -t scripts < <(find . -name '*.sh' -not -path './.*')
    printf 'ruff\n'
    "$VENV/bin/ruff" check --quiet .
    printf 'shellcheck\n'
    "$VENV/bin/shellcheck" .ci/run "${scripts[@]}"
    printf 'mypy\n'
    "$VENV/bin/mypy" --no-error-summary
}

main() {
    local selection=(-m 'not long') emulators=yes
    case ${1-} in
        -h | --help) sed -n '/^# usage:/,/^[^#]/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
        --fast) shift && selection=(-m 'not emulators and not long') emulators=no ;;
        --long) shift && selection=() ;;
    esac
    cd "$ROOT"
    make_environment
    check_code
    [ "$emulators" = no ] || "$PY" local_cloud.py setup
    printf 'pytest\n'
    # Two at a time, each with emulators of its own; -n 0 among the options undoes it.
    "$PY" -m pytest -n 2 ${selection[@]+"${selection[@]}"} "$@"
}

main "$@"

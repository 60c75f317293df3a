#!/usr/bin/env bash
# usage: tests/run_tests.sh [--fast | --long] [pytest options and tests]
#
# Makes the environment on first use, then runs lint, types and tests.
#   --fast   leave out what needs the emulators
#   --long   also the tests that take minutes: cloud faults, kills, races, and
#            the benchmarks in small
set -euo pipefail
# Tested is this code, and no other that the environment lends.
unset BASH_ENV ENV "${!PYTHON@}"

ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT VENV=$ROOT/.venv
readonly PY=$VENV/bin/python

# set_up [--local]: what the programs need, as they install it themselves, with the emulators; then the tools of the tests.
set_up() {
    ./deploy_data_collectors.sh --setup "$@"
    "$PY" -I collector/environment.py "$VENV" logs/environment.log "$PY" "$ROOT/requirements.lock" "$ROOT/tests/requirements.lock"
}

check_code() {
    printf 'ruff\n'
    "$VENV/bin/ruff" check --quiet .
    "$VENV/bin/ruff" format --quiet --check .
    printf 'shellcheck\n'
    PATH=$VENV/bin:$PATH find . -name '*.sh' -not -path './.*' -exec shellcheck .ci/run {} +
    printf 'mypy\n'
    "$VENV/bin/mypy" --no-error-summary
}

main() {
    local selection=(-m 'not long') emulators=(--local)
    case ${1-} in
        -h | --help) sed -n '/^# usage:/,/^[^#]/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
        --fast) shift && selection=(-m 'not emulators and not long') emulators=() ;;
        --long) shift && selection=() ;;
    esac
    cd "$ROOT"
    set_up ${emulators[@]+"${emulators[@]}"}
    check_code
    printf 'pytest\n'
    # Two at a time, each with emulators of its own; -n 0 among the options undoes it.
    "$PY" -m pytest -n 2 ${selection[@]+"${selection[@]}"} "$@"
}

main "$@"

# shellcheck shell=bash disable=SC2034,SC2153
# The emulators on this machine, and the demonstration over them.

# For --setup with --local or --demo; a run makes them when it starts them.
set_up_emulators() {
    local status=0
    [ "$MODE" = cloud ] || run "$PY" "$ROOT/local_cloud.py" setup || status=$?
    stop_if_asked
    [ "$status" -eq 0 ] || exit "$status"
}

# Replaces this process by the emulators, which run this script again inside; the lock lives on in them.
enter_local_cloud() {
    local command=("$PY" "$ROOT/local_cloud.py" run)
    [ "$MODE" = local ] || command+=(--data-dir "$ROOT/.local_cloud/demo")
    command+=("${TARGET[@]}" --)
    find_hold
    [ "$MODE" = local ] || command+=(${HOLD[@]+"${HOLD[@]}"} "$PY" "$ROOT/tests/api_standin.py" run --)
    # What the run inside shows for its own, and what it needs to know, stand in the lock that this process holds.
    DEPLOY_INSIDE=$(trap '' INT TERM HUP && exec "$PY" -I -c 'import secrets; print(secrets.token_hex(16))')
    export DEPLOY_INSIDE
    printf ' %s %s\n' "$DEPLOY_INSIDE" "$STAMP" >&9 2>/dev/null || logs_refused
    rm -rf "$SCRATCH"
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    stop_if_asked
    exec ${HOLD[@]+"${HOLD[@]}"} "${command[@]}" "$BASH" "$SELF" "$@"
}

# Was this run started by enter_local_cloud of a run that has the lock and has begun the log? Then goes on with that log.
is_inside() {
    local nonce='' stamp=''
    [ -n "${DEPLOY_INSIDE-}" ] && [ "$MODE" != cloud ] || return 1
    { read -r _ nonce stamp <"$LOGS/.deploy.$MODE.lock"; } 2>/dev/null || return 1
    [ "$nonce" = "$DEPLOY_INSIDE" ] || return 1
    STAMP=$stamp
    DEPLOY_LOG=$LOGS/deployment_$STAMP.log
}

announce_demo() {
    say '************************************************************************'
    say '*  DEMO: THE DATA IS MADE UP. None of it was measured by anyone.       *'
    say '*  It is kept apart, in .local_cloud/demo/.                            *'
    say '************************************************************************'
}

# Ends a demonstration with questions that an analyst would ask, answered from the views that there are.
show_answers() {
    local day=2022-10-30
    [[ $START_DATE < 2022-10-31 && $END_DATE > 2022-10-29 ]] || day=$END_DATE
    SHOWN=yes
    step '' '' in_root "$PY" -m collector.demo "$PROJECT" "$DATASET_ID" "$day" || FAILED=yes
}

# And with the commands by which to look at its tables.
show_next() {
    say ''
    step '' '' from_python "$PY" next "$PWD" ${PLACES[@]+"${PLACES[@]}"} || FAILED=yes
}

# shellcheck shell=bash disable=SC2034,SC2153
# What is said, and where: the terminal, the deployment log, the people whom the settings name.

DEPLOY_LOG='' STAMP=''   # deployment log, and the time that all log names of this run carry
LOGS_LOST=no REFUSED=''  # whether logs were refused, and the folder that is there once they were
SHOWN=no                 # whether the terminal has all that the logs have
ALARMED=no               # whether people are to be told when it cannot go on

# Shows a line and adds it to the deployment log. A terminal that has gone away stops nothing.
say() {
    printf '%s\n' "$*" 2>/dev/null || :
    keep "$*"
}

# As say, for what stands in the log alone where not all was asked for.
detail() {
    if [ "$SHOWN" = yes ]; then say "$*"; else keep "$*"; fi
}

# Adds a line to the deployment log.
keep() {
    [ -z "$DEPLOY_LOG" ] || printf '%s\n' "$1" 2>/dev/null >>"$DEPLOY_LOG" || logs_refused
}

# From now on the terminal has what the programs say, with tables that fit it.
show_all() {
    SHOWN=yes
    (:) # bash looks how wide the terminal is whenever a child has ended
    [ -z "$COLLECTOR_LIVE_LINES" ] || export COLLECTOR_SCREEN=${COLUMNS:-80}
}

# Ends with one line on stderr; status 2 means that nothing was started. What a signal broke off is told as that alone.
die() {
    stop_if_asked
    local message=${1//$'\n'/ }
    message="$PROGRAM: $message"
    printf '%s\n' "$message" >&2 || :
    [ -z "$DEPLOY_LOG" ] || printf '%s\n' "$message" 2>/dev/null >>"$DEPLOY_LOG" || :
    alarm "$message"
    exit "${2:-2}"
}

# alarm TEXT: tells whom the settings name (BMRS_NOTIFY_...) that nothing goes; without TEXT, that it does again. Once each.
alarm() {
    [ "$ALARMED" = yes ] || return 0
    (from_python "$PY" alarm "$LOGS/.alarm" "$1" "${TARGET[@]}") </dev/null >&2 9>&- || :
}

# Logs are for people; the data need no local disk. Without them the run goes on, which is told once.
logs_refused() {
    # What a signal broke off is no refusal.
    [ "$LOGS_LOST/$STOP_CODE" = no/0 ] || return 0
    LOGS_LOST=yes DEPLOY_LOG=/dev/null
    # Of several chains the first one tells it.
    mkdir "$REFUSED" 2>/dev/null || [ ! -d "$REFUSED" ] || return 0
    printf '%s\n' "$PROGRAM: cannot write to $LOGS (disk full or read-only?); going on without logs and report" >&2 || :
}

# Claims a log name that no other run has: a run that starts in the same second takes the next one.
open_log() {
    # Where none can be written the run has a name all the same: what it did since then is what it checks.
    STAMP=$(date +%Y%m%d_%H%M%S)
    [ -z "$DEPLOY_LOG" ] || return 0
    local path
    while :; do
        STAMP=$(date +%Y%m%d_%H%M%S)
        path=$LOGS/deployment_$STAMP.log
        if { mkdir -p "$LOGS" && (set -o noclobber && : >"$path"); } 2>/dev/null; then break; fi
        if ! [ -e "$path" ]; then
            stop_if_asked
            logs_refused
            return 0
        fi
        sleep 1
        stop_if_asked
    done
    DEPLOY_LOG=$path
    forget_old_logs
    name_latest "$path" latest
    say "$(date '+%Y-%m-%d %H:%M:%S') $COMMAND_LINE"
    say "log: $DEPLOY_LOG"
    detail "process: $$"
}

# name_latest FILE NAME: for whoever looks what the last run did. Renamed, so that the name is there at any moment.
name_latest() {
    [ -d "$LOGS/$2" ] || { ln -s "${1##*/}" "$LOGS/.latest.$$" && mv -f "$LOGS/.latest.$$" "$LOGS/$2"; } 2>/dev/null || :
}

# Removes what all but the last runs wrote here, unless they are still under way; of other files nothing.
forget_old_logs() {
    local i process stamp logs=("$LOGS"/deployment_????????_??????.log)
    for ((i = 0; i < ${#logs[@]} - KEEP_LOGS; i++)); do
        process=$(sed -n '1,9s/^process: \([0-9][0-9]*\)$/\1/p' "${logs[i]}" 2>/dev/null) || continue
        [ -z "$process" ] || ! kill -0 "$process" 2>/dev/null || continue
        stamp=${logs[i]: -19:15}
        # The log by which the run is known goes last.
        rm -f "$LOGS"/{download,load}_*_"$stamp.log" "$LOGS/coverage_$stamp.html" "${logs[i]}" 2>/dev/null || :
    done
}

# shellcheck shell=bash disable=SC2034,SC2153
# Programs as children: signals reach them, what they say is shown and kept.

readonly PATIENCE_SECONDS=10 # how long a child may take to end; being killed at any moment does no harm
CHILD=''                     # process id of the running child
HOLD=()                      # see find_hold
STOP_CODE=0 STOP_SINCE=0     # exit status that a signal asked for, and when
CHAINS=()                    # processes of the chains
IS_CHAIN=no                  # is this the process of one of several datasets that are worked on side by side?

# A signal only marks the end and is passed on (as SIGTERM: background children of a shell ignore
# SIGINT); leaving is done by stop_if_asked, at points where nothing is half done.
# A second one, later than what one Ctrl-C can cause along a chain of processes, ends the child at once.
on_signal() {
    local signal=TERM
    if [ "$STOP_CODE" -eq 0 ]; then
        STOP_CODE=$1 STOP_SINCE=$SECONDS
    elif [ $((SECONDS - STOP_SINCE)) -ge 2 ]; then
        signal=KILL
    else
        return 0
    fi
    signal_child "$signal"
    # To a chain a second TERM is the first one come twice; USR1 has it end its child at once.
    [ "$signal" = TERM ] || signal=USR1
    local chain
    for chain in ${CHAINS[@]+"${CHAINS[@]}"}; do
        [ -z "$chain" ] || kill -"$signal" "$chain" 2>/dev/null || :
    done
}

signal_child() {
    case $CHILD in
        '' | starting) ;;
        *) kill -"$1" "$CHILD" 2>/dev/null || : ;;
    esac
}

# Waits for a child and returns its status. A signal ends the wait early, but not the child.
await() {
    local status=0 polls=0
    wait "$1" 2>/dev/null || status=$?
    while kill -0 "$1" 2>/dev/null; do
        sleep 0.2
        polls=$((polls + 1))
        [ "$polls" -lt $((PATIENCE_SECONDS * 5)) ] || kill -KILL "$1" 2>/dev/null || :
    done
    return "$status"
}

# Runs a command so that signals to this script reach it. It must not inherit the lock (9): a child
# that outlives a killed script would hold it, and generations already keep two writers apart.
run() {
    local status=0
    # Where the script itself was killed, its chains begin nothing more.
    [ "$IS_CHAIN" = no ] || kill -0 "$$" 2>/dev/null || exit 143
    CHILD=starting
    "$@" 8>&- 9>&- </dev/null &
    CHILD=$!
    [ "$STOP_CODE" -eq 0 ] || kill -TERM "$CHILD" 2>/dev/null || :
    await "$CHILD" || status=$?
    CHILD=''
    return "$status"
}

# record [LOG]: shows what comes in and adds it to the deployment log and to LOG. A line that begins with an ASCII record
# separator says how far the work is: it stays on the terminal alone, and only until the next one.
record() {
    local line refused=0 wipe=$'\r\033[K'
    [ "$IS_CHAIN" = no ] || wipe=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            $'\x1e'*) show_line "${line:1}" ;;
            *)
                [ "$SHOWN" = no ] || printf '%s\n' "$wipe$line" 2>/dev/null || :
                printf '%s\n' "$line" 2>/dev/null >>"$DEPLOY_LOG" || refused=1
                [ -z "$1" ] || printf '%s\n' "$line" 2>/dev/null >>"$1" || refused=1
                ;;
        esac
    done
    printf '%s' "$wipe" 2>/dev/null || :
    return "$refused"
}

# show_line TEXT: how far the work is; a chain leaves it for the script to show.
show_line() {
    if [ "$IS_CHAIN" = yes ]; then
        printf '%s\n' "$1" 2>/dev/null >"$SCRATCH/live" || :
    else
        (:) # as in show_all
        printf '\r%s\033[K' "${1:0:${COLUMNS:-80}-1}" 2>/dev/null || :
    fi
}

# step LOG ANSWER COMMAND...: runs a command whose output goes to the terminal, to the deployment
# log and to LOG; its stdout goes to the file ANSWER instead, where one is named.
# The recorder ignores signals, so that a stopped command's last words are kept.
step() {
    local log=$1 answer=$2 status=0 recorder
    shift 2
    # Both ends at once, so that neither is waited for: a signal that ended such a wait would leave the other side in it.
    exec 8<>"$SCRATCH/pipe"
    exec 7<"$SCRATCH/pipe"
    if [ -n "$COLLECTOR_LIVE_LINES" ]; then
        (trap '' INT TERM HUP && record "$log") <&7 7<&- 8>&- 9>&- &
    else
        ([ "$SHOWN" = yes ] || exec >/dev/null
            trap '' INT TERM HUP && exec tee -a "$DEPLOY_LOG" ${log:+"$log"} 2>/dev/null) <&7 7<&- 8>&- 9>&- &
    fi
    recorder=$!
    exec 7<&-
    if [ -n "$answer" ]; then
        run "$@" 2>&8 >"$answer" || status=$?
    else
        run "$@" >&8 2>&1 || status=$?
    fi
    exec 8>&-
    # A recorder fails when the terminal has gone (no matter) or a log can't be written.
    await "$recorder" || [ "$STOP_CODE" -ne 0 ] || printf '\n' 2>/dev/null >>"${log:-$DEPLOY_LOG}" || logs_refused
    stop_if_asked
    [ "$status" -ne 137 ] || say "killed by the system (out of memory?): $*"
    return "$status"
}

# In a child: runs a command in the folder of the project, where Python finds our modules.
in_root() {
    cd "$ROOT" && exec ${HOLD[@]+"${HOLD[@]}"} "$@"
}

# Sets HOLD to what a Python is started with that takes this process' place: Ctrl-C waits until that heeds it, see
# collector/base/early.py. Not every system's env can; there Python answers one of its first moments with a traceback.
find_hold() {
    ! (trap '' INT TERM HUP && exec env --block-signal=INT --version) >/dev/null 2>&1 || HOLD=(env --block-signal=INT)
}

# from_python PYTHON QUESTION...: in a child, what collector/deploy.py knows. What it compiles it does not keep.
from_python() {
    in_root "$1" -B -X utf8 -m collector.deploy "${@:2}"
}

# refuse PROGRAM: ends with its one line of refusal, which $SCRATCH/refusal has, as ours.
refuse() {
    local refusal
    refusal=$(tail -n 1 "$SCRATCH/refusal")
    case ${refusal%%: *} in
        *' '*) ;;
        *) refusal=${refusal#*: } ;; # the name of the program that was asked
    esac
    die "${refusal:-$1 failed and gave no reason}"
}

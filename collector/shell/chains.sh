# shellcheck shell=bash disable=SC2034,SC2153
# Datasets side by side: each a chain, which is a process of its own.

NAMES=() NUMBERS=() LIVES=() # of each place, as CHAINS: dataset and its number, live line
QUEUE=() QUEUED=0            # numbers of the datasets that wait for a place; when the first got one
NEXT=''                      # answer of next_in_queue
LIVE_TEXT='' LIVE_ROWS=0     # what the terminal shows below the last line, and its height

# chain NUMBER: works on a dataset in a process of its own. It has its own children, and passes signals on to them as the
# script does; what the deployment log is to have of it waits beside what the terminal is to have.
chain() {
    IS_CHAIN=yes CHILD='' CHAINS=() SCRATCH=$SCRATCH/${DATASETS[$1]}
    [ "$LOGS_LOST" = yes ] || DEPLOY_LOG=$SCRATCH.log
    trap 'on_signal 143' TERM
    trap 'on_signal 129' HUP
    trap 'signal_child KILL' USR1
    mkdir "$SCRATCH"
    mkfifo "$SCRATCH/pipe"
    announce "$1"
    collect "${DATASETS[$1]}"
}

# start_chain PLACE NUMBER: its output goes to a file until all of it is there; the lock (9) stays with the script.
start_chain() {
    local dataset=${DATASETS[$2]}
    chain "$2" >"$SCRATCH/$dataset.block" 9>&- </dev/null &
    CHAINS[$1]=$! NAMES[$1]=$dataset NUMBERS[$1]=$2 LIVES[$1]="$dataset: begins"
    # A signal may have come before it was known whom to pass it on to.
    [ "$STOP_CODE" -eq 0 ] || kill -TERM "${CHAINS[$1]}" 2>/dev/null || :
}

# end_chain PLACE: shows what a chain that has ended said. One that left no outcome was ended from outside.
end_chain() {
    local dataset=${NAMES[$1]}
    wait "${CHAINS[$1]}" 2>/dev/null || :
    CHAINS[$1]=''
    hide_live
    [ ! -d "$REFUSED" ] || LOGS_LOST=yes DEPLOY_LOG=/dev/null
    (trap '' INT TERM HUP && exec cat "$SCRATCH/$dataset.block") 2>/dev/null || :
    if [ -e "$SCRATCH/$dataset.log" ]; then
        (trap '' INT TERM HUP && exec cat "$SCRATCH/$dataset.log") 2>/dev/null >>"$DEPLOY_LOG" || logs_refused
    fi
    rm -rf "${SCRATCH:?}/$dataset" "$SCRATCH/$dataset.block" "$SCRATCH/$dataset.log" || :
    if ! grep -q "^$dataset"$'\t' "$OUTCOMES"; then
        CURRENT=$dataset DAYS=- COUNT=- VERDICT='its programs were ended by the system'
        STARTED=$SECONDS DOWNLOADED=$SECONDS LOADED=$SECONDS
        if [ "$STOP_CODE" -ne 0 ]; then add_outcome stopped; else add_outcome 'verify failed'; fi
    fi
    [ "$STOP_CODE" -ne 0 ] || tell_outcome "${NUMBERS[$1]}"
}

# Sets NEXT to the number of a dataset that may begin now: of those that need much memory one at a time.
next_in_queue() {
    local i name heavy=no
    for name in ${NAMES[@]+"${NAMES[@]}"}; do
        case " $HEAVY " in *" $name "*) heavy=yes ;; esac
    done
    for ((i = 0; i < ${#QUEUE[@]}; i++)); do
        [ -n "${QUEUE[i]}" ] || continue
        case "$heavy $HEAVY " in
            yes*" ${DATASETS[QUEUE[i]]} "*) continue ;;
        esac
        NEXT=${QUEUE[i]} QUEUE[i]=''
        return 0
    done
    return 1
}

# The last live line of each chain, below one another, drawn anew where one has changed.
show_live() {
    local place line text='' rows=0 left=''
    [ -n "$COLLECTOR_LIVE_LINES" ] || return 0
    for ((place = 0; place < PARALLEL; place++)); do
        [ -n "${CHAINS[place]-}" ] || continue
        line=''
        { read -r line <"$SCRATCH/${NAMES[place]}/live"; } 2>/dev/null || :
        [ -z "$line" ] || LIVES[place]=$line
        text+=${LIVES[place]:0:${COLUMNS:-80}-1}$'\n' rows=$((rows + 1))
    done
    [ "$DONE" -eq 0 ] || left=", about $(((SECONDS - QUEUED) * (1000 - DONE) / DONE / 60 + 1)) min left"
    text+="in all $((DONE / 10)) %$left"$'\n' rows=$((rows + 1))
    [ "$text" != "$LIVE_TEXT" ] || return 0
    hide_live
    printf '%s' "$text" 2>/dev/null || :
    LIVE_TEXT=$text LIVE_ROWS=$rows
}

hide_live() {
    [ "$LIVE_ROWS" -eq 0 ] || printf '\033[%dA\033[J' "$LIVE_ROWS" 2>/dev/null || :
    LIVE_TEXT='' LIVE_ROWS=0
}

# After a signal nothing more is begun, and what the chains said last is waited for.
collect_side_by_side() {
    local i place running
    QUEUED=$SECONDS
    for ((i = 0; i < ${#DATASETS[@]}; i++)); do
        surveyed "${DATASETS[i]}"
        if [ "$KIND" = idle ]; then
            announce "$i"
            collect "${DATASETS[i]}"
            tell_outcome "$i"
        else
            QUEUE+=("$i")
        fi
    done
    while :; do
        running=0
        for ((place = 0; place < PARALLEL; place++)); do
            if [ -n "${CHAINS[place]-}" ] && ! kill -0 "${CHAINS[place]}" 2>/dev/null; then
                end_chain "$place"
                NAMES[place]=''
            fi
            if [ -z "${CHAINS[place]-}" ] && [ "$STOP_CODE" -eq 0 ] && next_in_queue; then
                start_chain "$place" "$NEXT"
            fi
            [ -z "${CHAINS[place]-}" ] || running=$((running + 1))
        done
        [ "$running" -gt 0 ] || break
        show_live
        # A signal to all processes would end it, and with it the script; one that comes first still ends it.
        { (trap '' INT TERM HUP && exec sleep 0.2) || :; } 2>/dev/null
    done
    stop_if_asked
}

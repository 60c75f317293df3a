# shellcheck shell=bash disable=SC2034,SC2153
# What became of each dataset: kept in a file, told as a line, summed up in a table.

# add_outcome STATUS: the line of the dataset under way in the file of outcomes, see collector/base/outcomes.py. One that
# cannot be written counts as a failure.
add_outcome() {
    printf '%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n' "$CURRENT" "$1" $((DOWNLOADED - STARTED)) $((LOADED - DOWNLOADED)) $((SECONDS - LOADED)) \
        "$DAYS" "$COUNT" "$VERDICT" 2>/dev/null >>"$OUTCOMES" || :
    CURRENT=''
}

# summary [FLAG...]: shows what became of the datasets; returns 1 unless all are right. Done in a moment, it heeds no signal.
summary() {
    local line status=0 tell=say
    (trap '' INT TERM HUP && from_python "$PY" summary --outcomes "$OUTCOMES" --datasets "${DATASETS[@]}" "$@") \
        >"$SCRATCH/answer" 2>"$SCRATCH/refusal" </dev/null 9>&- || status=1
    # Each dataset has had its line; of a run that was stopped, the table also says what was not begun.
    [ $# -eq 0 ] || tell=detail
    while IFS= read -r line; do
        [ -n "$line" ] || tell=say
        "$tell" "$line"
    done <"$SCRATCH/answer"
    [ -s "$SCRATCH/answer" ] || say "No summary could be made: $(tail -n 1 "$SCRATCH/refusal")"
    return "$status"
}

# announce NUMBER: the dataset of that number in what was asked, from 0.
announce() {
    detail ''
    detail "$(date '+%Y-%m-%d %H:%M:%S') [$(($1 + 1))/${#DATASETS[@]}] ${DATASETS[$1]}"
}

# tell_whole HALF: tells the programs when the run began, and from which to which thousandth of it the first (0) or second
# half of the dataset's work goes.
tell_whole() {
    local i share=0
    [ "$IS_CHAIN" = no ] || return 0 # show_live tells it of all chains
    for ((i = 0; i < ${#DATASETS[@]}; i++)); do
        [ "${DATASETS[i]}" != "$CURRENT" ] || share=${SHARES[i]-0}
    done
    export COLLECTOR_WHOLE="$BEGAN $((DONE + share * $1 / 2)) $((DONE + share * ($1 + 1) / 2))"
}

# tell_outcome NUMBER: one line of what became of the dataset of that number in what was asked, from 0; on a terminal in
# colour and no wider than that.
tell_outcome() {
    local key status download load check days rows said line word days_loaded new total=${#DATASETS[@]} width=0 colour=31 room
    for key in "${DATASETS[@]}"; do
        [ "$width" -ge ${#key} ] || width=${#key}
    done
    DONE=$((DONE + ${SHARES[$1]-0}))
    while IFS=$'\t' read -r key status download load check days rows said; do
        [ "$key" = "${DATASETS[$1]}" ] || continue
        printf -v line '[%*d/%d] %-*s  ' "${#total}" $(($1 + 1)) "$total" "$width" "$key"
        if [ "$status" = ok ]; then
            new=''
            # What the loader's table says of it: settled days, then those that it loaded.
            while read -r word _ days_loaded _; do
                [ "$word" != "$key" ] || [ "${days_loaded:-0}" = 0 ] || new=" ($days_loaded new)"
            done 2>/dev/null <"$LOGS/load_${key}_$STAMP.log" || :
            colour=32 said="$days days$new, $rows rows"
        fi
        said="  $((download + load + check)) s  $said"
        keep "$line$status$said"
        if [ -n "$COLLECTOR_LIVE_LINES" ]; then
            (:) # as in show_all
            room=$((${COLUMNS:-80} - ${#line} - ${#status}))
            said=${said:0:$((room > 0 ? room : 0))}
            [ -n "${NO_COLOR-}" ] || status=$'\033['"${colour}m$status"$'\033[0m'
        fi
        printf '%s\n' "$line$status$said" 2>/dev/null || :
    done <"$OUTCOMES"
}

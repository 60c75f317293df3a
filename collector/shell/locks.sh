# shellcheck shell=bash disable=SC2034,SC2153
# One run at a time for each target.

# Takes the lock FILE, or returns 1 and leaves the holder's process id in $SCRATCH/holder.
# The kernel holds the lock on file descriptor 9 of this process and frees it however the process
# ends. Python asks for it because macOS has no flock command. The holder removes the file when it
# ends, therefore the lock counts only if FILE is still the file that was locked. What a symbolic link
# in its place names is not touched.
lock() {
    local file=$1 status=0
    while :; do
        [ ! -L "$file" ] || die "$file is a symbolic link, which a lock never is; remove it"
        if ! { mkdir -p "$LOGS" && exec 9<>"$file"; } 2>/dev/null; then
            # Generations keep two writers apart as well; two emulators over one folder nothing does.
            [ "$MODE" = cloud ] || die "cannot write to $LOGS (disk full or read-only?); mend that and start again"
            logs_refused
            return 0
        fi
        "$PY" -I "$ROOT/collector/base/lock.py" "$file" $$ >"$SCRATCH/holder" 2>"$SCRATCH/refusal" || status=$?
        [ "$status" -eq 0 ] || stop_if_asked
        case $status in
            0) LOCK_FILE=$file && return 0 ;;
            3) status=0 ;; # removed between opening and locking: again
            4) exec 9>&- && return 1 ;;
            5) die "cannot lock $file: $(cat "$SCRATCH/holder")" ;;
            *) die "cannot lock $file: $PY ended with $status ($(tail -n 1 "$SCRATCH/refusal")); is there memory, are there files enough for it (ulimit -a)?" ;;
        esac
    done
}

# One run at a time for each target. Only reading needs no lock.
lock_target() {
    local target
    case $MODE/$DRY_RUN/$VERIFY_ONLY in
        cloud/no/no)
            target=$(printf '%s ' "$PROJECT" "$BUCKET" "$DATASET_ID" "${STORAGE_EMULATOR_HOST-}" "${BIGQUERY_EMULATOR_HOST-}" |
                cksum)
            target=${target%% *}
            ;;
        cloud/*) return 0 ;;
        *) target=$MODE ;; # two emulators can't share one folder, whatever is asked of them
    esac
    lock "$LOGS/.deploy.$target.lock" ||
        die "another run has the same target (process $(cat "$SCRATCH/holder")); wait until it ends, or stop it with: kill $(cat "$SCRATCH/holder")"
}

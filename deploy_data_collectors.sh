#!/usr/bin/env bash
#
# usage: deploy_data_collectors.sh [options]
#
# Collects GB electricity data end to end. Checks what it needs, then for each
# dataset, several side by side: downloads the missing days into the bucket,
# loads them into BigQuery, and verifies the table against the bucket. Ends with
# a summary and exits 0 only when every dataset is verified. Safe to stop and to
# run again: only what is missing is done.
#
# What to collect:
#   --start-date DATE     first settlement day, YYYY-MM-DD
#                         (default: the first day of each dataset, from 2016)
#   --end-date DATE       last settlement day, inclusive (default: today)
#   --datasets NAME...    keys, codes or groups, separated by spaces or commas;
#                         all (default: core, the eleven; see --list-datasets)
#
# Where to keep it (default: the setting in the environment or in api.env):
#   --project ID          Google Cloud project
#                         (BMRS_PROJECT, else jibber-jabber-knowledge)
#   --bucket NAME         bucket of the day objects
#                         (BMRS_BUCKET, else jibber-jabber-knowledge-bmrs-data)
#   --dataset-id NAME     BigQuery dataset of the tables
#                         (BMRS_DATASET, else uk_energy_prod)
#   --local               no cloud account: use emulators on this machine, which
#                         keep their data in .local_cloud/
#   --demo                no cloud account and no internet: as --local, with
#                         MADE-UP data kept apart in .local_cloud/demo/
#                         (default: 2022-10-29 to 2022-10-31; one date alone
#                         stands for that one day)
#
# How:
#   --max-days N          most days in one API request (default: 7)
#   --parallel N          datasets at one time, of those that need much memory
#                         one (default: 4; 1: one after the other, each looked
#                         at by all steps and shown as it goes)
#   --max-workers N       parallel workers of a download or a load
#                         (default: what each of the two scripts has as default)
#   --dry-run             say what would be done, and do nothing
#   --verify-only         compare tables and bucket, reading all of the tables
#                         (a run reads what it loaded); download and load nothing
#   --status              instead: how each dataset stands, in one screen, from
#                         metadata; exits 1 when one is overdue
#   --max-age HOURS       with --status: most that the newest record may be old
#                         (default: each dataset's own limit, and 26 for the
#                         time between daily runs)
#   --output FORMAT       with --status: text, or json for machines
#   --force               fetch and load even what is stored and loaded
#   --quiet               less of what the two scripts say, in the logs too
#   --verbose             all that they say, and more of it; by default the
#                         screen has a line a dataset, the logs have the rest
#   --log-format FORMAT   text, or json: an object a line with severity, time and
#                         message, as Cloud Logging reads them (default: text)
#   --list-datasets       show what can be collected
#   --version             show the version
#   --setup               only install what is needed into .venv/, and with
#                         --local or --demo the emulators into .local_cloud/
#   -h, --help            show this text
#
# Examples:
#   deploy_data_collectors.sh --demo
#   deploy_data_collectors.sh --local --datasets demand_outturn frequency \
#       --start-date 2024-03-30 --end-date 2024-04-01
#   deploy_data_collectors.sh --verify-only
#
# Exit status: 0 all verified; 1 something failed or does not verify; 2 wrong
# use or set-up, nothing was started; 130 stopped by Ctrl-C; 143 by SIGTERM.
# Logs: logs/deployment_*.log holds everything, logs/download_<dataset>_*.log and
# logs/load_<dataset>_*.log hold one dataset each, logs/coverage_*.html
# is a calendar of every day for any browser; * is the time of the start;
# logs/coverage.last.json is what the next one compares itself with;
# logs/latest is the newest run's deployment log, logs/latest.html its report.

# Traps and run() call functions by name, which shellcheck does not see.
# shellcheck disable=SC2329
[ -n "${BASH_VERSION-}" ] || { echo "$0: this is a bash script; run: bash $0" >&2 && exit 2; }
set -euo pipefail

# What would have other code run, or read, than ours: all that Python takes from the environment, and bash at its start.
unset BASH_ENV ENV "${!PYTHON@}"

readonly PROGRAM=deploy_data_collectors.sh
SCRATCH='' LOCK_FILE='' # temporary directory of this run; lock held by this process
IS_TOLD=no              # whether it was said that a signal has ended it

# Nothing is left, and whoever stopped it is told so, also where a signal ended a command in the middle.
clean_up() {
    case $?/$IS_TOLD in
        129/no | 130/no | 143/no) printf '%s: stopped; the same command again does only what is missing\n' "$PROGRAM" >&2 || : ;;
    esac
    [ -z "$SCRATCH" ] || rm -rf "$SCRATCH"
    [ -z "$LOCK_FILE" ] || rm -f "$LOCK_FILE"
}

# Where it is sourced, the functions alone are wanted.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    trap clean_up EXIT
fi

# The directory of this script, also where it is started through a symbolic link.
script_path() {
    local path=$1 target
    while [ -L "$path" ]; do
        target=$(readlink "$path")
        case $target in
            /*) path=$target ;;
            *) path=$(dirname "$path")/$target ;;
        esac
    done
    printf '%s/%s\n' "$(CDPATH='' cd -- "$(dirname "$path")" && pwd -P)" "$(basename "$path")"
}

SELF=$(script_path "${BASH_SOURCE[0]}")
ROOT=$(dirname "$SELF")
readonly SELF ROOT
readonly LOGS=$ROOT/logs
readonly VENV=$ROOT/.venv
readonly PY=$VENV/bin/python
readonly REQUIREMENTS=$ROOT/requirements.lock
readonly ENVIRONMENT=$ROOT/collector/environment.py
readonly LOCKER=$ROOT/collector/base/lock.py
readonly DOWNLOADER=$ROOT/enhanced_elexon_neso_downloader.py
readonly LOADER=$ROOT/enhanced_bigquery_loader.py
readonly PATIENCE_SECONDS=10 # how long a child may take to end; being killed at any moment does no harm

MODE=cloud # cloud, local or demo
DRY_RUN=no VERIFY_ONLY=no SETUP=no STATUS=no HAS_ACCOUNT=yes
LOG_FORMAT=text ALARMED=no # whether people are to be told when it cannot go on
UNCONFIRMED='' GIVEN=() PASSED=() LIST=no VERSION=no MAX_DAYS='' MAX_WORKERS='' # flags with their values as typed; what plan makes of them:
FROM=() # where project, bucket and dataset were set
START_DATE='' END_DATE='' PROJECT='' BUCKET='' DATASET_ID='' DATASETS=() LEFT_OUT=''
PARALLEL=1 HEAVY='' # datasets side by side; keys of those of which one at a time
COMMAND_LINE=''          # what the user typed, to be shown when it stops early
DEPLOY_LOG='' STAMP=''   # deployment log, and the time that all log names of this run carry
CHILD=''                 # process id of the running child
STOP_CODE=0 STOP_SINCE=0 # exit status that a signal asked for, and when
CURRENT=''               # dataset under way
IS_CHAIN=no              # is this the process of one of several datasets that are worked on side by side?
CHAINS=() NAMES=() NUMBERS=() LIVES=() # of each place: process, dataset and its number, live line
QUEUE=() QUEUED=0                      # numbers of the datasets that wait for a place; when the first got one
LIVE_TEXT='' LIVE_ROWS=0 # what the terminal shows below the last line, and its height
KIND='' NEXT='' # answers of surveyed and next_in_queue
SURVEY='' OUTCOMES='' REFUSED='' # what was found before the first step; file of what became of each dataset; folder that is there once logs were refused
STARTED=0 DOWNLOADED=0 LOADED=0 # when its download, its load and its check began
DAYS='' COUNT='' VERDICT='' # what its verification counted, and said
FAILED=no LOGS_LOST=no
HOLD=() # see find_hold
SHOWN=no                # whether the terminal has all that the logs have
SHARES=() DONE=0 BEGAN=0 # thousandths of the work that each dataset is, and that are done; when the run began
PYTHON_VERSION='' LOCATION='' API_KEY_PRESENT=no API_ENV_EXPOSED=no KEEP_LOGS=90
TARGET=() RANGE=() DOWNLOAD=() LOAD=() ASKED=() # flags for the two scripts

# --- Messages and logs ---------------------------------------------------------------------------

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
    keep "process: $$"
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

# --- Children and signals ------------------------------------------------------------------------

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

stop_if_asked() {
    [ "$STOP_CODE" -ne 0 ] || return 0
    trap '' INT TERM HUP
    IS_TOLD=yes
    [ -z "$CURRENT" ] || add_outcome stopped
    [ "$IS_CHAIN" = no ] || exit "$STOP_CODE"
    say ''
    [ ! -s "$OUTCOMES" ] || summary || :
    say 'Stopped. What is stored and loaded stays; the same command again does only what is missing:'
    say "    $COMMAND_LINE"
    exit "$STOP_CODE"
}

# --- Locks ---------------------------------------------------------------------------------------

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
        "$PY" -I "$LOCKER" "$file" $$ >"$SCRATCH/holder" 2>"$SCRATCH/refusal" || status=$?
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

# --- Command line --------------------------------------------------------------------------------

# The help is the comment at the head of this file.
help() {
    sed -n '/^# usage:/,/^$/ s/^# \{0,1\}//p' "$SELF"
}

# nearest_option FLAG: the option that begins most like it.
nearest_option() {
    local option best='' length=4 n
    while read -r option; do
        n=0
        while [ "$n" -lt "${#1}" ] && [ "${1:0:n+1}" = "${option:0:n+1}" ]; do n=$((n + 1)); done
        if [ "$n" -gt "$length" ] || { [ "$n" -eq "$length" ] && [ "${#option}" -lt "${#best}" ]; }; then length=$n best=$option; fi
    done < <(help | sed -n 's/^  *\(-h, \)\{0,1\}\(--[a-z-]*\).*/\2/p')
    printf '%s' "see --help${best:+ (did you mean $best?)}"
}

parse_arguments() {
    local flag given=' '
    while [ $# -gt 0 ]; do
        case $1 in
            --?*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
        esac
        flag=$1
        shift
        case $flag in
            -h | --help) help && exit 0 ;;
            --local | --demo)
                [ "$MODE" = cloud ] || [ "--$MODE" = "$flag" ] || die 'use either --local or --demo, not both'
                MODE=${flag#--}
                continue
                ;;
            --dry-run) DRY_RUN=yes && continue ;;
            --verify-only) VERIFY_ONLY=yes && continue ;;
            --setup) SETUP=yes && continue ;;
            --status) STATUS=yes GIVEN+=("$flag") && continue ;;
            --verbose) SHOWN=yes && PASSED+=("$flag") && continue ;;
            --force | --quiet) PASSED+=("$flag") && continue ;;
            --list-datasets) LIST=yes && continue ;;
            --version) VERSION=yes && continue ;;
            --start-date | --end-date | --datasets | --project | --bucket | --dataset-id | --max-days | --max-workers | --parallel | --max-age | --output | --log-format) ;;
            -*) die "unknown option $flag; $(nearest_option "$flag")" ;;
            *) die "unexpected argument '$flag'; see --help" ;;
        esac
        case ${1-} in
            '') die "$flag needs a value; see --help" ;;
            -*) die "$flag needs a value, not '$1'; see --help" ;;
        esac
        case $given in
            *" $flag "*) die "$flag is given twice; give it once" ;;
        esac
        given+="$flag "
        [ "$flag" = --log-format ] || GIVEN+=("$flag" "$1")
        case $flag in
            --log-format) LOG_FORMAT=$1 ;;
            --max-age | --output) ASKED+=("$flag" "$1") ;;
            --max-days) MAX_DAYS=$1 ;;
            --max-workers) MAX_WORKERS=$1 ;;
        esac
        shift
        [ "$flag" = --datasets ] || continue
        while [ $# -gt 0 ]; do
            case $1 in
                -*) break ;;
                '') die "$flag has an empty key; see --help" ;;
            esac
            GIVEN+=("$1")
            shift
        done
    done
    case $LOG_FORMAT in
        text) ;;
        json) SHOWN=yes ;; # entries are for machines
        *) die "--log-format is text or json, not '$LOG_FORMAT'; see --help" ;;
    esac
    [ "$DRY_RUN" = no ] || [ "$VERIFY_ONLY" = no ] || die 'use either --dry-run or --verify-only, not both'
    case $STATUS/$DRY_RUN$VERIFY_ONLY in
        yes/*yes*) die '--status looks, and does nothing else; leave --dry-run and --verify-only out' ;;
    esac
    [ "$MODE" = cloud ] || GIVEN+=("--$MODE")
}

# plan PYTHON: has the values (dates, numbers, keys, names) judged as the two scripts judge them, and learns all settings.
# Before its packages are there, a Python can judge the most of them: then nothing is made for what is refused.
plan() {
    local name value status=0
    run from_python "$1" plan ${GIVEN[@]+"${GIVEN[@]}"} >"$SCRATCH/answer" 2>"$SCRATCH/refusal" || status=$?
    stop_if_asked
    [ "$status" -ne 2 ] || refuse collector/deploy.py
    [ "$1" = "$PY" ] || return 0
    [ "$status" -eq 0 ] || refuse collector/deploy.py
    while IFS='=' read -r name value; do
        case $name in
            BMRS_PROJECT) PROJECT=$value ;;
            BMRS_BUCKET) BUCKET=$value ;;
            BMRS_DATASET) DATASET_ID=$value ;;
            BMRS_LOCATION) LOCATION=$value ;;
            FROM) IFS='|' read -r -a FROM <<<"$value" ;;
            BMRS_KEEP_LOGS) KEEP_LOGS=$value ;;
            STORAGE_EMULATOR_HOST) STORAGE_EMULATOR_HOST=$value ;;
            BIGQUERY_EMULATOR_HOST) BIGQUERY_EMULATOR_HOST=$value ;;
            API_KEY_PRESENT) API_KEY_PRESENT=$value ;;
            API_ENV_EXPOSED) API_ENV_EXPOSED=$value ;;
            PYTHON_VERSION) PYTHON_VERSION=$value ;;
            START_DATE) START_DATE=$value ;;
            END_DATE) END_DATE=$value ;;
            DATASETS) read -r -a DATASETS <<<"$value" ;;
            SHARES) read -r -a SHARES <<<"$value" ;;
            HEAVY) HEAVY=$value ;;
            PARALLEL) PARALLEL=$value ;;
            LEFT_OUT) LEFT_OUT=$value ;;
            UNCONFIRMED) UNCONFIRMED=$value ;;
        esac
    done <"$SCRATCH/answer"
}

# --- Prerequisites -------------------------------------------------------------------------------

# Names a Python that makes the environment: one with ensurepip where there is one, for that is the plainest way.
find_python() {
    local modules candidate
    for modules in 'sys, ensurepip, venv' sys; do
        for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
            if "$candidate" -I -c "import $modules; sys.exit(sys.version_info < (3, 10))" </dev/null >/dev/null 2>&1; then
                printf '%s\n' "$candidate"
                return 0
            fi
        done
    done
    return 1
}

environment_is_complete() {
    [ -x "$PY" ] && "$PY" -I "$ENVIRONMENT" --check "$VENV" "$REQUIREMENTS" </dev/null >/dev/null 2>&1
}

make_environment() {
    local python status=0
    stop_if_asked
    python=$(find_python) || stop_if_asked
    [ -n "$python" ] ||
        die 'needs Python 3.10 or later as python3 on PATH; install it (https://www.python.org/downloads/) and start again'
    plan "$python"
    [ -r "$REQUIREMENTS" ] || die "cannot read $REQUIREMENTS; restore it from the repository"
    run "$python" -I "$ENVIRONMENT" "$VENV" "$LOGS/environment.log" "$python" "$REQUIREMENTS" 2>"$SCRATCH/refusal" || status=$?
    stop_if_asked
    [ "$status" -eq 0 ] || refuse "$ENVIRONMENT"
}

# Two different things: gcloud's own login, which only gcloud uses, and Application Default
# Credentials, which the client libraries use. Only the latter are needed.
check_credentials() {
    local account='' credentials=${GOOGLE_APPLICATION_CREDENTIALS-}
    local login='gcloud auth login' adc='gcloud auth application-default login'
    local gcloud_dir=${CLOUDSDK_CONFIG:-${HOME-}/.config/gcloud} gcloud=no

    if command -v gcloud >/dev/null 2>&1; then
        gcloud=yes
        run gcloud auth list --filter=status:ACTIVE '--format=value(account)' >"$SCRATCH/answer" 2>/dev/null || :
        stop_if_asked
        account=$(head -n 1 "$SCRATCH/answer")
    fi
    if [ -n "$credentials" ]; then
        [ -f "$credentials" ] && [ -r "$credentials" ] ||
            die "GOOGLE_APPLICATION_CREDENTIALS names '$credentials', which cannot be read; correct it, or unset it and run: $adc"
    elif ! [ -r "$gcloud_dir/application_default_credentials.json" ] &&
        ! run "$PY" -I -c 'import google.auth; google.auth.default()' >/dev/null 2>&1; then # on Google's own machines
        stop_if_asked
        if [ "$DRY_RUN" = yes ]; then
            HAS_ACCOUNT=no
            say "  credentials  none: everything counts as missing; to see what is stored, run: $adc"
            return 0
        fi
        case $gcloud/$account in
            no/) die "no Application Default Credentials and no gcloud; install gcloud (https://cloud.google.com/sdk/docs/install) and run: $adc; or try without an account: --local" ;;
            yes/) die "neither logged in to gcloud nor Application Default Credentials; run: $login && $adc; or try without an account: --local" ;;
            *) die "no Application Default Credentials (gcloud is logged in as $account, but that login serves gcloud alone); run: $adc" ;;
        esac
    fi
    detail '  credentials  Application Default Credentials found'
    case $gcloud/$account in
        no/) detail '  gcloud       not installed; not needed to collect' ;;
        yes/) detail "  gcloud       not logged in; not needed to collect; to log in: $login" ;;
        *) detail "  gcloud       logged in as $account" ;;
    esac
}

# Also learns, where chains run side by side, which datasets have nothing to do in this run: $SCRATCH/survey, see
# collector/verify/survey.py. What it does not tell, each dataset's own steps find out.
check_prerequisites() {
    local status=0 line check=(--check-setup)
    detail 'Prerequisites'
    [ -z "$LEFT_OUT" ] || say "  left out     begins after $END_DATE: $LEFT_OUT"
    detail "  python       $PYTHON_VERSION in $VENV"
    if [ -n "${STORAGE_EMULATOR_HOST-}" ]; then
        detail "  emulators    storage $STORAGE_EMULATOR_HOST, BigQuery $BIGQUERY_EMULATOR_HOST; no credentials needed"
    else
        check_credentials
        [ "$HAS_ACCOUNT" = yes ] || return 0
        [ -z "$UNCONFIRMED" ] || die "$UNCONFIRMED"
    fi
    case $PARALLEL$DRY_RUN$VERIFY_ONLY${PASSED[*]-} in
        1no* | *yesno* | *nono*--force*) ;;
        *noyes*) check+=(--survey verify) ;;
        *) check+=(--survey run) ;;
    esac
    [ ${#check[@]} -eq 1 ] || check+=(--since "$STAMP" --datasets "${DATASETS[@]}" "${RANGE[@]}")
    run "$PY" "$LOADER" "${check[@]}" "${TARGET[@]}" >"$SURVEY" 2>"$SCRATCH/refusal" || status=$?
    stop_if_asked
    [ "$status" -eq 0 ] || refuse "$LOADER"
    while IFS= read -r line; do
        case $line in 'WARNING '*) say "  WARNING      ${line#* }" ;; esac
    done <"$SURVEY"
    say "  project      $PROJECT (${FROM[0]-})"
    say "  bucket       gs://$BUCKET (${FROM[1]-})"
    say "  dataset      $DATASET_ID in ${LOCATION:-the default location} (${FROM[2]-})"
    case $API_KEY_PRESENT in
        yes) detail '  API key      BMRS_API_KEY is set and will be sent' ;;
        *) detail '  API key      none (BMRS_API_KEY is not set); the API needs none today' ;;
    esac
    [ "$API_ENV_EXPOSED" = no ] || say "  WARNING      api.env holds a secret and others may read it; run: chmod 600 $ROOT/api.env"
}

# --- The chain -----------------------------------------------------------------------------------

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

# verify DATASET LOG: sets DAYS, COUNT and VERDICT; the loader's whole answer goes to LOG. By metadata, which costs
# nothing: what is in the tables is read once a run, by report.
verify() {
    local status=0 answer=$SCRATCH/verification is_right=no
    step "$2" "$answer" "$PY" "$LOADER" --verify --quiet --counts-only --without-source --since "$STAMP" --output json \
        --datasets "$1" "${RANGE[@]}" "${TARGET[@]}" || status=$?
    cat "$answer" 2>/dev/null >>"$2" || logs_refused
    run from_python "$PY" verdict "$answer" >"$SCRATCH/answer" 2>/dev/null || : >"$SCRATCH/answer"
    stop_if_asked
    if [ ! -s "$SCRATCH/answer" ]; then
        detail "  $1: the loader gave no verification"
        return 1
    fi
    read -r DAYS COUNT is_right VERDICT <"$SCRATCH/answer"
    detail "  $1: $VERDICT"
    [ "$status" -eq 0 ] && [ "$is_right" = yes ]
}

# surveyed DATASET: what was found of it before the first step: idle (nothing to do), asks (nothing, unless its source has
# news) or nothing; of the first two sets DAYS, COUNT and VERDICT. All that is not right is left to the steps.
surveyed() {
    local key kind days count is_right verdict
    while read -r key kind days count is_right verdict; do
        [ "$key/$is_right" = "$1/yes" ] || continue
        DAYS=$days COUNT=$count VERDICT=$verdict
        KIND=$kind
        return 0
    done <"$SURVEY"
    KIND='' DAYS=- COUNT=- VERDICT=''
}

# begin STEP: says what is done now.
begin() {
    detail "  $1"
    [ "$IS_CHAIN" = no ] || show_line "$CURRENT: $1"
}

# spare DATASET WORDS LOG...: the dataset is as the survey found it; its logs say so, as if its steps had been taken.
spare() {
    local dataset=$1 words=$2 log
    shift 2
    detail "  $words"
    detail "  $dataset: $VERDICT"
    for log in "$@"; do
        printf '%s\n' "$words" "$dataset: $VERDICT" 2>/dev/null >>"$log" || logs_refused
    done
    add_outcome ok
}

# What is stored is loaded and verified even where not all could be downloaded. Only where a program
# finds the set-up gone (status 2: credentials, bucket), its dataset's other steps are spared the wait.
collect() {
    local dataset=$1 outcome=ok status=0 note=$SCRATCH/nothing_stored
    local download_log=$LOGS/download_${dataset}_$STAMP.log load_log=$LOGS/load_${dataset}_$STAMP.log
    CURRENT=$dataset
    STARTED=$SECONDS DOWNLOADED=$SECONDS LOADED=$SECONDS
    surveyed "$dataset"
    case $KIND/$VERIFY_ONLY in
        idle/yes) spare "$dataset" verify "$load_log" && return 0 ;;
        idle/no) spare "$dataset" 'nothing to download or to load' "$download_log" "$load_log" && return 0 ;;
    esac
    if [ "$VERIFY_ONLY" = no ]; then
        begin download
        tell_whole 0
        rm -f "$note"
        COLLECTOR_NOTHING_STORED=$note step "$download_log" '' "$PY" "$DOWNLOADER" --datasets "$dataset" "${DOWNLOAD[@]}" || status=$?
        [ "$status" -eq 0 ] || outcome='download failed'
        DOWNLOADED=$SECONDS LOADED=$SECONDS
        if [ "$KIND/$status" = asks/0 ] && [ -e "$note" ]; then
            spare "$dataset" 'nothing new to load' "$load_log"
            return 0
        fi
        if [ "$status" -ne 2 ]; then
            status=0
            begin load
            tell_whole 1
            step "$load_log" '' "$PY" "$LOADER" --datasets "$dataset" "${LOAD[@]}" || status=$?
            [ "$status" -eq 0 ] || [ "$outcome" != ok ] || outcome='load failed'
            LOADED=$SECONDS
        fi
    fi
    DAYS=- COUNT=- VERDICT=''
    if [ "$status" -ne 2 ]; then
        begin verify
        verify "$dataset" "$load_log" || [ "$outcome" != ok ] || outcome='verify failed'
    fi
    add_outcome "$outcome"
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

# announce NUMBER: the dataset of that number in what was asked, from 0.
announce() {
    detail ''
    detail "$(date '+%Y-%m-%d %H:%M:%S') [$(($1 + 1))/${#DATASETS[@]}] ${DATASETS[$1]}"
}

# --- Chains side by side -------------------------------------------------------------------------

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
        # A signal to all processes would end it, and with it the script.
        (trap '' INT TERM HUP && exec sleep 0.2)
    done
    stop_if_asked
}

# Makes the views for analysts of the tables that there are now; one that is refused fails the run, not the data.
update_views() {
    local line
    [ "$VERIFY_ONLY" = no ] || return 0
    detail ''
    step '' "$SCRATCH/views" "$PY" "$LOADER" --update-views --quiet "${TARGET[@]}" || FAILED=yes
    while IFS= read -r line; do
        case $line in
            *': left out, '*) ;;
            *' views made: '*)
                detail "Views: $line"
                [ "$SHOWN" = yes ] || printf '%s\n' "Views: ${line%%:*}" 2>/dev/null || :
                ;;
            *) say "Views: $line" ;;
        esac
    done <"$SCRATCH/views"
}

# When the oldest run began whose work no check of the values has seen: this one, or one before it that was cut off, for
# a run that comes to its end leaves a page.
unchecked_since() {
    local log stamp since=''
    for log in "$LOGS"/deployment_*.log; do
        [ -e "$log" ] || continue
        stamp=${log##*/deployment_}
        stamp=${stamp%.log}
        if [ -e "$LOGS/coverage_$stamp.html" ]; then
            since=''
        else
            since=${since:-$stamp}
        fi
    done
    printf '%s\n' "${since:-$STAMP}"
}

# This script as it was started, but for dates and datasets: with some of them it does what a report's reader finds missing.
own_command() {
    local i command=("$SELF")
    [ "$MODE" = cloud ] || command+=("--$MODE")
    for ((i = 0; i < ${#GIVEN[@]}; i++)); do
        case ${GIVEN[i]} in
            --project | --bucket | --dataset-id) command+=("${GIVEN[i]}" "${GIVEN[i + 1]}") ;;
        esac
    done
    printf '%q ' "${command[@]}" | sed 's/ $//'
}

# For all datasets of this run together: asks the source what it has, looks at the values that were published (with
# --verify-only, at all of them), and draws what is there as a page for any browser. Then tells how the run ended: a dataset
# that is behind its source has failed.
report() {
    local page=$LOGS/coverage_$STAMP.html since=() report=()
    [ "$VERIFY_ONLY" = yes ] || since=(--since "$(unchecked_since)")
    detail ''
    detail 'Check against the source, and of the values'
    [ "$LOGS_LOST" = yes ] || report=(--report "$page")
    step '' "$SCRATCH/coverage" "$PY" "$LOADER" --verify --output json ${report[@]+"${report[@]}"} ${since[@]+"${since[@]}"} \
        --outcomes "$OUTCOMES" --chain "$(own_command)" --datasets "${DATASETS[@]}" "${RANGE[@]}" "${TARGET[@]}" || :
    [ ! -s "$page" ] || name_latest "$page" latest.html
    # It tells of each dataset; where it could not, of the run.
    if ! [ -s "$SCRATCH/coverage" ]; then
        alarm 'the last check of the run gave no answer; the log tells why'
    elif [ -e "$LOGS/.alarm" ]; then
        alarm ''
    fi
    report=(--coverage "$SCRATCH/coverage" --page "$page" --logs "$LOGS" --stamp "$STAMP")
    [ "$MODE" != demo ] || report+=(--demo)
    summary "${report[@]}" || FAILED=yes
}

# Asks the sources once whether they are alive: an outage is then known to all datasets of the run, and told first.
check_source() {
    local line
    [ "$VERIFY_ONLY" = no ] || return 0
    export COLLECTOR_SOURCE_STATE=$SCRATCH/source
    step '' "$SCRATCH/answer" "$PY" "$DOWNLOADER" --check-source "$COLLECTOR_SOURCE_STATE" --quiet --datasets "${DATASETS[@]}" \
        "${RANGE[@]}" "${TARGET[@]}" || :
    while read -r line; do
        [ -z "$line" ] || say "  source       $line"
    done <"$SCRATCH/answer"
}

collect_all() {
    local i
    check_source
    if [ "$PARALLEL" -gt 1 ] && [ ${#DATASETS[@]} -gt 1 ]; then
        collect_side_by_side
    else
        for ((i = 0; i < ${#DATASETS[@]}; i++)); do
            announce "$i"
            collect "${DATASETS[i]}"
            tell_outcome "$i"
        done
    fi
    update_views
    report
}

dry_run() {
    show_all # the plans are what was asked for
    say ''
    say 'Download'
    step '' '' "$PY" "$DOWNLOADER" --dry-run --datasets "${DATASETS[@]}" "${DOWNLOAD[@]}" || FAILED=yes
    say ''
    say 'Load'
    step '' '' "$PY" "$LOADER" --dry-run --datasets "${DATASETS[@]}" "${LOAD[@]}" || FAILED=yes
    say ''
    say 'Dry run: nothing was changed.'
}

# --- The embedded default ------------------------------------------------------------------------

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
    local line i places=()
    say ''
    for ((i = 0; i < ${#GIVEN[@]}; i++)); do
        case ${GIVEN[i]} in
            --project | --dataset-id) places+=("${GIVEN[i]}" "${GIVEN[i + 1]}") ;;
        esac
    done
    run from_python "$PY" next "$PWD" ${places[@]+"${places[@]}"} >"$SCRATCH/answer" || FAILED=yes
    stop_if_asked
    while IFS= read -r line; do
        say "$line"
    done <"$SCRATCH/answer"
}

# --- Main ----------------------------------------------------------------------------------------

main() {
    local inside=no
    COMMAND_LINE=$(printf '%q ' "$0" "$@")
    COMMAND_LINE=${COMMAND_LINE% }
    parse_arguments "$@"
    if [ "$VERSION" = yes ]; then
        sed -n "s/^VERSION = \"\(.*\)\"/$PROGRAM \1/p" "$ROOT/collector/base/names.py"
        exit 0
    fi
    if [ "$LIST" = yes ]; then
        PYTHON=$(command -v "$PY" || command -v python3) || die 'no Python was found; install python3'
        # Ctrl-C is this script's: in its first moments a Python would answer it with a traceback.
        (trap '' INT && exec "$PYTHON" "$DOWNLOADER" --list-datasets) || exit $?
        exit 0
    fi

    # All that is said, by whomever, is told by a process above this one.
    if [ "$LOG_FORMAT/${DEPLOY_ENTRIES-no}" = json/no ]; then
        PYTHON=$(command -v "$PY" || find_python) || die 'no Python was found; install python3'
        find_hold
        DEPLOY_ENTRIES=yes from_python "$PYTHON" entries "$PWD" "$BASH" "$SELF" "$@"
    fi
    trap 'on_signal 130' INT
    trap 'on_signal 143' TERM
    trap 'on_signal 129' HUP
    trap '' PIPE
    if ! { SCRATCH=$(trap '' INT TERM HUP && mktemp -d) && mkfifo "$SCRATCH/pipe" && : >"$SCRATCH/outcomes" && : >"$SCRATCH/survey"; } 2>/dev/null; then
        stop_if_asked
        die "cannot make a temporary directory in ${TMPDIR:-/tmp}; make room there, or name another in TMPDIR"
    fi
    case $SCRATCH in
        /*) ;;
        *) SCRATCH=$PWD/$SCRATCH ;; # a relative TMPDIR
    esac
    SURVEY=$SCRATCH/survey OUTCOMES=$SCRATCH/outcomes REFUSED=$SCRATCH/refused
    ! is_inside || inside=yes
    unset DEPLOY_INSIDE
    export PYTHONUNBUFFERED=1
    # The programs' own live lines need a terminal, and see a pipe.
    export COLLECTOR_LIVE_LINES=''
    [ ! -t 1 ] || [ "${TERM-dumb}" = dumb ] || COLLECTOR_LIVE_LINES=yes

    BEGAN=$(date +%s)
    shopt -s checkwinsize

    [ "$SHOWN" = no ] || show_all
    environment_is_complete || make_environment
    if [ "$SETUP" = yes ]; then
        set_up_emulators
        exit 0
    fi
    plan "$PY"
    TARGET=(--project "$PROJECT" --bucket "$BUCKET" --dataset-id "$DATASET_ID")
    RANGE=(--end-date "$END_DATE")
    [ -z "$START_DATE" ] || RANGE+=(--start-date "$START_DATE")
    LOAD=("${RANGE[@]}" "${TARGET[@]}")
    [ -z "$MAX_WORKERS" ] || LOAD+=(--max-workers "$MAX_WORKERS")
    LOAD+=(${PASSED[@]+"${PASSED[@]}"})
    DOWNLOAD=("${LOAD[@]}")
    [ -z "$MAX_DAYS" ] || DOWNLOAD+=(--max-days "$MAX_DAYS")

    if [ "$STATUS" = yes ] && { [ "$MODE" = cloud ] || [ "$inside" = yes ]; }; then
        rm -rf "$SCRATCH"
        find_hold
        stop_if_asked
        exec ${HOLD[@]+"${HOLD[@]}"} "$PY" "$LOADER" --status --datasets "${DATASETS[@]}" "${TARGET[@]}" ${ASKED[@]+"${ASKED[@]}"}
    fi
    if [ "$inside" = no ]; then
        lock_target
        [ "$STATUS" = yes ] || open_log
        [ "$MODE" = cloud ] || enter_local_cloud "$@"
    fi
    [ "$MODE" != demo ] || announce_demo
    case $MODE/$DRY_RUN/$VERIFY_ONLY in
        demo/* | */yes/* | */yes) ;;
        *) ALARMED=yes COLLECTOR_TALLY=$SCRATCH/tally && export COLLECTOR_TALLY ;;
    esac
    check_prerequisites
    if [ "$DRY_RUN" = yes ]; then
        dry_run
    else
        collect_all
        if [ "$MODE" = demo ]; then
            show_answers
            say ''
            announce_demo
            show_next
        fi
    fi
    # Not left to the end of the file: bash reads a script as it runs it, and an update may replace this one.
    [ "$FAILED" = no ] || exit 1
    exit 0
}

# A test that sources this file gets the functions alone.
(return 0) 2>/dev/null || main "$@"

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

# Traps and run() call functions by name, and the parts use variables, which shellcheck does not see.
# shellcheck disable=SC2329,SC2034
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
readonly DOWNLOADER=$ROOT/enhanced_elexon_neso_downloader.py
readonly LOADER=$ROOT/enhanced_bigquery_loader.py

# All of it before anything is begun: an update of a running script's files is none of this run's business.
for part in logs children locks prerequisites outcomes chains local_cloud; do
    # shellcheck source=/dev/null
    . "$ROOT/collector/shell/$part.sh"
done

MODE=cloud # cloud, local or demo
DRY_RUN=no VERIFY_ONLY=no SETUP=no STATUS=no LIST=no VERSION=no LOG_FORMAT=text
GIVEN=() PASSED=() PLACES=() ASKED=() MAX_DAYS='' MAX_WORKERS='' # flags with their values as typed; what plan makes of them:
PROJECT='' BUCKET='' DATASET_ID='' START_DATE='' END_DATE='' KEEP_LOGS=90
DATASETS=() LEFT_OUT='' PYTHON_VERSION='' UNCONFIRMED='' SETTINGS=() API_KEY=''
PARALLEL=1 HEAVY=''                  # datasets side by side; keys of those of which one at a time
SHARES=() DONE=0 BEGAN=0             # thousandths of the work that each dataset is, and that are done; when the run began
TARGET=() RANGE=() DOWNLOAD=() LOAD=() # flags for the two scripts
COMMAND_LINE=''                      # what the user typed, to be shown when it stops early
SURVEY='' OUTCOMES=''                # what was found before the first step; file of what became of each dataset
CURRENT='' KIND=''                   # dataset under way, and what was found of it
STARTED=0 DOWNLOADED=0 LOADED=0      # when its download, its load and its check began
DAYS='' COUNT='' VERDICT=''          # what its verification counted, and said
FAILED=no

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
            -h | --help) help || : && exit 0 ;;
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
            --project | --bucket | --dataset-id) PLACES+=("$flag" "$1") ;;
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
            BMRS_KEEP_LOGS) KEEP_LOGS=$value ;;
            DATASETS) read -r -a DATASETS <<<"$value" ;;
            SHARES) read -r -a SHARES <<<"$value" ;;
            SETTING) SETTINGS+=("$value") ;;
            *_EMULATOR_HOST | START_DATE | END_DATE | HEAVY | PARALLEL | LEFT_OUT | PYTHON_VERSION | UNCONFIRMED | API_KEY) printf -v "$name" %s "$value" ;;
        esac
    done <"$SCRATCH/answer"
}

# --- Prerequisites -------------------------------------------------------------------------------

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
    for line in "${SETTINGS[@]}"; do
        say "  $line"
    done
    detail "  API key      $API_KEY"
}

# --- The chain -----------------------------------------------------------------------------------

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

# --- All of them ---------------------------------------------------------------------------------

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

# This script as it was started, but for dates and datasets: with some of them it does what a report's reader finds missing.
own_command() {
    local command=("$SELF")
    [ "$MODE" = cloud ] || command+=("--$MODE")
    printf '%q ' "${command[@]}" ${PLACES[@]+"${PLACES[@]}"} | sed 's/ $//'
}

# For all datasets of this run together: asks the source what it has, looks at the values that were published (with
# --verify-only, at all of them), and draws what is there as a page for any browser. Then tells how the run ended: a dataset
# that is behind its source has failed.
report() {
    local page=$LOGS/coverage_$STAMP.html oldest since=() report=()
    if [ "$VERIFY_ONLY" = no ]; then
        run from_python "$PY" unchecked "$LOGS" "$STAMP" >"$SCRATCH/answer" || :
        stop_if_asked
        read -r oldest <"$SCRATCH/answer" || oldest=$STAMP
        since=(--since "$oldest")
    fi
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

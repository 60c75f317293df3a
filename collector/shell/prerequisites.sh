# shellcheck shell=bash disable=SC2034,SC2153
# What a run needs before it begins: a Python, the packages, an account.

readonly REQUIREMENTS=$ROOT/requirements.lock
readonly ENVIRONMENT=$ROOT/collector/environment.py
HAS_ACCOUNT=yes

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
    [ -x "$PY" ] && "$PY" -I "$ROOT/collector/installed.py" "$VENV" "$REQUIREMENTS" </dev/null >/dev/null 2>&1
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

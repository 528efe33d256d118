#!/bin/sh
# Hold a model against its record, in any CI: the same steps as .github/workflows/circuit-claims.yml.
#
#   CIRCUIT_MODEL=./my-finetune CIRCUIT_RECORD=claims/recorded/my-model.toml sh ci/circuit-claims.sh
#
# CIRCUIT_CLAIMS   the claims: a folder, or files (claims/)
# CIRCUIT_MODEL    what is tested (organism)
# CIRCUIT_RECORD   the record; named, so that a run that compares nothing is an error (the model's own)
# CIRCUIT_RUN      a report to judge again first, without a model (none)
# CIRCUIT_BEFORE   a report to compare this run's with (none)
# CIRCUIT_REPORTS  where the reports go (reports/)
# PYTHON           the interpreter that has circuit-claims (python3)
# Further arguments go to pytest. The exit status is the first that is not 0, of pytest (README, "Exit
# status") and of `circuit-claims compare`.
set -u
python=${PYTHON:-python3}
reports=${CIRCUIT_REPORTS:-reports}
status=0

step() {
    echo "== $*"
    "$@"
    code=$?
    if [ "$status" -eq 0 ]; then status=$code; fi
}

if [ -n "${CIRCUIT_RUN:-}" ]; then
    # shellcheck disable=SC2086  # several claim files are several words
    step "$python" -m pytest ${CIRCUIT_CLAIMS:-claims} --circuit-rejudge "$CIRCUIT_RUN" \
        --circuit-report-dir "$reports/rejudged"
fi

# shellcheck disable=SC2086
step "$python" -m pytest ${CIRCUIT_CLAIMS:-claims} --circuit-model "${CIRCUIT_MODEL:-organism}" \
    ${CIRCUIT_RECORD:+--circuit-record "$CIRCUIT_RECORD"} --circuit-report-dir "$reports" "$@"

if [ -n "${CIRCUIT_BEFORE:-}" ] && [ -f "$reports/latest.json" ]; then
    "$python" -m circuit_claims.cli compare "$CIRCUIT_BEFORE" "$reports/latest.json" --format markdown \
        >>"${GITHUB_STEP_SUMMARY:-$reports/compared.md}"
    step "$python" -m circuit_claims.cli compare "$CIRCUIT_BEFORE" "$reports/latest.json"
fi
exit "$status"

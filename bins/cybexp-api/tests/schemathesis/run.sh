#!/usr/bin/env bash
# Fetches Schemathesis and has it try the API. Needs Python 3 with pip, and PyPI.
set -euo pipefail
cd "$(dirname "$0")/../../../.."

venv=target/schemathesis-venv
[ -x $venv/bin/schemathesis ] || {
    python3 -m venv $venv
    $venv/bin/pip install --quiet schemathesis==4.32.5
}
SCHEMATHESIS=$PWD/$venv/bin/schemathesis \
    cargo test -p cybexp-api --test schemathesis --locked -- --ignored --nocapture

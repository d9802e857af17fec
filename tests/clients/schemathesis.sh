#!/usr/bin/env bash
# Holds a running server against the document that it gives of itself, with drawn requests:
#   tests/clients/schemathesis.sh http://127.0.0.1:8000 ACCESS_TOKEN [SEED]
# The server should have nothing to lose: an owner's token lets it change and delete things.
# Exits with 75 where schemathesis cannot be installed, else with what it found.
set -euo pipefail
url="$1" token="$2" seed="${3:-1}"
here="$(cd "$(dirname "$0")" && pwd)"
target="${CARGO_TARGET_DIR:-$here/../../target}"
venv="$target/schemathesis"
version=4.32.5

if ! "$venv/bin/st" --version 2>/dev/null | grep -qF "$version"; then
  echo "installing schemathesis $version" >&2
  { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "schemathesis==$version"; } >&2 || exit 75
fi
# It leaves notes of what it found where it is run.
mkdir -p "$target/schemathesis-notes"
cd "$target/schemathesis-notes"
export SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/st" --config-file "$here/schemathesis.toml" run "$url/api/v1/openapi.json" \
  --header "Authorization: Bearer $token" --seed "$seed" \
  --phases examples,coverage,fuzzing --max-examples "${SCHEMATHESIS_EXAMPLES:-15}" \
  --suppress-health-check all --request-timeout 20 --workers 2 --continue-on-failure \
  --warnings off --no-color --no-shrink

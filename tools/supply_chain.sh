#!/usr/bin/env bash
# Licences, known vulnerabilities and bill of materials of what the service runs with (requirements.lock).
#   tools/supply_chain.sh [OUT]     writes OUT/sbom.cdx.json (CycloneDX); OUT is `build` by default
# Needs an environment that holds exactly the locked packages and the extra `supply`'s tools beside it:
#   PYTHON   the environment that is judged (default .venv/bin/python)
#   TOOLS    the folder of pip-licenses, pip-audit and cyclonedx-py (default .venv/bin)
# Exit code 1: a licence or a vulnerability that must be looked at. 3: vulnerability data could not be asked for here.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-.venv/bin/python}"
TOOLS="${TOOLS:-.venv/bin}"
OUT="${1:-build}"
mkdir -p "$OUT"
failed=0

# LGPL (psycopg) and MPL (certifi) bind changes to those libraries themselves, which we do not make.
ALLOWED='Apache;MIT;BSD;ISC;PSF;Python Software Foundation;MPL-2.0;Mozilla Public License 2.0;LGPL-3.0;GNU Lesser General Public License v3;Unlicense;Zlib'
packages=$(grep -oE '^[A-Za-z0-9_.-]+==' requirements.lock | tr -d '=' | tr '\n' ' ')
echo "== licences"
# shellcheck disable=SC2086
"$TOOLS/pip-licenses" --python "$PYTHON" --from=mixed --partial-match --allow-only="$ALLOWED" \
  --packages $packages --format=csv --output-file="$OUT/licences.csv" || failed=1
[ "$failed" = 0 ] && echo "all on the list ($(wc -l < "$OUT/licences.csv") lines in $OUT/licences.csv)"

echo "== bill of materials"
"$TOOLS/cyclonedx-py" environment "$PYTHON" --pyproject pyproject.toml --output-reproducible --output-file "$OUT/sbom.cdx.json" \
  && echo "$OUT/sbom.cdx.json" || failed=1

echo "== known vulnerabilities"
command -v "$TOOLS/pip-audit" >/dev/null || { echo "NOT CHECKED: pip-audit is not installed (extra supply)" >&2; exit $((failed ? 1 : 3)); }
audit=$("$TOOLS/pip-audit" --disable-pip --require-hashes -r requirements.lock 2>&1)
code=$?
if grep -q "could not be audited\|ConnectionError\|Max retries" <<<"$audit"; then
  echo "NOT CHECKED: no vulnerability data can be asked for from here; run this where the Internet is reached" >&2
  [ "$failed" = 0 ] && exit 3
elif [ "$code" != 0 ]; then
  echo "$audit"
  failed=1
else
  echo "none known"
fi
exit "$failed"

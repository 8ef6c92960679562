# Shared by the scripts: what a fresh clone needs before the program can run. To be sourced.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

need_node() {
  command -v node >/dev/null || fail 'Node.js is missing: install version 20.19 or later'
  command -v npm >/dev/null || fail 'npm is missing: it comes with Node.js 20.19 or later'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js 20.19 or later is needed, this is $(node --version)"
}

# One script at a time installs or builds: a demo and a test may start together.
locked() {
  local lock="$ROOT/.cache/$1.lock"
  shift
  mkdir -p "$ROOT/.cache"
  if command -v flock >/dev/null; then
    (flock 9 && "$@") 9>"$lock"
  else
    "$@"
  fi
}

# Not `npm ci`: it refuses a lock file without the optional packages of other machines. `--no-save` leaves the lock file as it is.
install_dependencies() {
  local stamp="$ROOT/node_modules/.installed"
  [ -f "$stamp" ] && [ "$stamp" -nt "$ROOT/package-lock.json" ] && return
  echo 'installing dependencies ...' >&2
  (cd "$ROOT" && npm install --no-save --no-fund --no-audit --loglevel=error >&2)
  touch "$stamp"
}

build_program() {
  local stamp="$ROOT/dist/.built"
  if [ -f "$stamp" ] && [ -z "$(find "$ROOT/src" "$ROOT/drivers" "$ROOT/scripts" "$ROOT/tsconfig.json" "$ROOT/tsconfig.build.json" "$ROOT/package-lock.json" -newer "$stamp" -type f -not -name '*.test.ts' -print -quit)" ]; then
    return
  fi
  echo 'building ...' >&2
  (cd "$ROOT" && node node_modules/typescript/bin/tsc -p tsconfig.build.json && node dist/scripts/bundle.js) || fail 'the build failed'
  touch "$stamp"
}

prepare() {
  need_node
  locked install install_dependencies
  locked build build_program
}

# A gateway shares a small box for years: little memory before speed (docs/performance.md, Memory). The same as in its systemd unit.
GATEWAY_NODE_OPTIONS=(--max-semi-space-size=1 --optimize-for-size)
# What is larger than a small row is mapped by itself and given back at once: a backlog's documents leave no holes behind.
GATEWAY_ENVIRONMENT=(MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=65536)
# The imagined year makes and drops some gigabytes; what is young is most often dead before so much is full.
SIM_NODE_OPTIONS=(--max-semi-space-size=64 --min-semi-space-size=32)
# A centre has thousands of messages at once; the same as in its systemd unit.
RELAY_NODE_OPTIONS=(--max-semi-space-size=4 --max-old-space-size=192 --initial-old-space-size=32)

#!/usr/bin/env bash
# Installs what the tests of the page and the app need, and passes them: Debian's chromium (CHARTHAND_CHROMIUM names another), and from npm the packages of
# package-lock.json. With --screenshots it makes the pictures of docs/images anew instead.
set -euo pipefail
cd "$(dirname "$0")"
if [ -z "${CHARTHAND_CHROMIUM:-}" ] && [ ! -x /usr/bin/chromium ]; then
  echo "installing chromium"
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq --no-install-recommends -y chromium fonts-dejavu-core >/dev/null
fi
pins=$(sha256sum <package-lock.json)
if [ "$(cat node_modules/.installed 2>/dev/null)" != "$pins" ]; then
  npm ci --no-audit --no-fund --ignore-scripts
  echo "$pins" >node_modules/.installed
fi
if [ "${1:-}" = --screenshots ]; then
  exec node screenshots.js
fi
exec node --test --test-reporter=spec --test-concurrency=1 tests/*.test.js

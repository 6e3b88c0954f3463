#!/bin/sh
# Installs the named Debian packages that are not installed yet, as root or through sudo.
set -eu

missing=""
for package in "$@"; do
  if ! dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
    missing="$missing $package"
  fi
done
[ -n "$missing" ] || exit 0

root=""
if [ "$(id -u)" -ne 0 ]; then
  root="sudo"
fi
echo "installing Debian packages:$missing"
$root apt-get update -qq
# shellcheck disable=SC2086  # one argument per package
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing

#!/bin/sh
# Installs the Debian packages that tests drive: mosquitto's broker and clients, Eclipse Paho for Python, openssl, curl
# and strace. Never fails: where it cannot install, it says which tests will be skipped.

missing=""
lost=""
need() { # need PACKAGE TESTS CHECK...
  package=$1
  tests=$2
  shift 2
  "$@" >/dev/null 2>&1 && return
  missing="$missing $package"
  lost="$lost
  $package: $tests"
}

look() {
  missing=""
  lost=""
  need mosquitto "comparison with mosquitto" test -x /usr/sbin/mosquitto -o -x /usr/local/sbin/mosquitto
  need mosquitto-clients "mosquitto_pub and mosquitto_sub" command -v mosquitto_sub
  need python3-paho-mqtt "Eclipse Paho for Python" /usr/bin/python3 -c "import paho.mqtt.client"
  need openssl "TLS" command -v openssl
  need curl "curl's mqtt://" command -v curl
  need strace "power loss, failing disks, kills within LMDB" command -v strace
}

look
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086
  if { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    echo "installed:$missing"
  else
    tail -n 5 "$log"
  fi
  rm -f "$log"
  look
  [ -z "$missing" ] && exit 0
  reason="apt-get could not install them"
else
  reason="installing them needs root and apt-get"
fi

echo "tests that need these components will be skipped ($reason):$lost"
exit 0

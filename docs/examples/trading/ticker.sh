#!/bin/sh
# Publishes a price every second, and an alert when it is high: ticker.sh http|redis [SECONDS]
# SLUICE_URL and REDIS_URL say where. Goes on until it is stopped or a message is not taken.
set -eu

way=${1-} seconds=${2:-1}

# publish EVENT DATA
case $way in
  http)
    publish() {
      curl --silent --show-error --fail-with-body --max-time 10 --data-raw "$2" \
        "${SLUICE_URL:-http://127.0.0.1:8080}/publish/trading?event=$1" >/dev/null
    } ;;
  redis)
    publish() {
      redis-cli -e -u "${REDIS_URL:-redis://127.0.0.1:6379}" \
        PUBLISH trading "{\"event\":\"$1\",\"data\":$2}" >/dev/null
    } ;;
  *)
    echo "usage: ticker.sh http|redis [SECONDS]" >&2
    exit 2 ;;
esac

while :; do
  cents=$(shuf -i 15000-15999 -n 1)
  price=${cents%??}.${cents#???}
  publish price-update "{\"symbol\":\"AAPL\",\"price\":$price}"
  case $price in
    158* | 159*) publish alert '{"message":"Price threshold exceeded!"}' ;;
  esac
  sleep "$seconds"
done

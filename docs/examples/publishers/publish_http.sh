#!/bin/sh
# Publishes over HTTP with curl: publish_http.sh TOPIC MESSAGE [EVENT [ID]]
set -eu

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
  echo "usage: publish_http.sh TOPIC MESSAGE [EVENT [ID]]" >&2
  exit 2
fi
topic=$(jq -nr --arg topic "$1" '$topic | @uri')

# The token goes through standard input, since everyone on the machine can read a command line.
{ [ -z "${SLUICE_TOKEN-}" ] || printf 'Authorization: Bearer %s\n' "$SLUICE_TOKEN"; } |
  curl --silent --show-error --fail-with-body --max-time 10 --header @- \
    --header 'Content-Type: text/plain; charset=utf-8' --data-raw "$2" \
    --url-query "event=${3-}" --url-query "id=${4-}" \
    "${SLUICE_URL:-http://127.0.0.1:8080}/publish/$topic"

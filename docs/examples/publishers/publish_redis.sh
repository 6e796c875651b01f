#!/bin/sh
# Publishes through Redis with redis-cli: publish_redis.sh CHANNEL MESSAGE [EVENT [ID]]
# With EVENT the message is an envelope, as a topic with `format: envelope` takes it. Needs jq for that.
set -eu

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
  echo "usage: publish_redis.sh CHANNEL MESSAGE [EVENT [ID]]" >&2
  exit 2
fi
channel=$1 message=$2
if [ $# -gt 2 ]; then
  message=$(jq -nc --arg data "$2" --arg event "$3" --arg id "${4-}" \
    '{$data, $event} + if $id == "" then {} else {$id} end')
fi

# -e: an error reply is a failure. The answer is the number of subscribers, which are gateways.
printf %s "$message" |
  redis-cli -e -u "${REDIS_URL:-redis://127.0.0.1:6379}" -x PUBLISH "$channel"

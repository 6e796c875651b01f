#!/usr/bin/python3
"""Publishes through Redis: publish_redis.py CHANNEL MESSAGE [EVENT [ID]]

With EVENT the message is an envelope, as a topic with `format: envelope` takes it.
"""

import json
import os
import sys

import redis


def main():
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    channel, message, *named = sys.argv[1:]
    if named:
        message = json.dumps(dict(zip(("data", "event", "id"), (message, *named))))
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    try:
        with redis.Redis.from_url(url, socket_timeout=10) as client:
            gateways = client.publish(channel, message)
    except redis.RedisError as error:
        sys.exit(f"publish_redis.py: {error}")
    print(f"received by {gateways} gateways")


main()

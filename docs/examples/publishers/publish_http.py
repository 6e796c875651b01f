#!/usr/bin/python3
"""Publishes over HTTP: publish_http.py TOPIC MESSAGE [EVENT [ID]]"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def publish(topic, message, event="", id=""):
    """The answer: the event's id and its topic."""
    base = os.environ.get("SLUICE_URL", "http://127.0.0.1:8080")
    query = urllib.parse.urlencode({"event": event, "id": id})
    request = urllib.request.Request(
        f"{base}/publish/{urllib.parse.quote(topic, safe='')}?{query}", data=message.encode(),
        headers={"Content-Type": "text/plain; charset=utf-8"})
    if token := os.environ.get("SLUICE_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def main():
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    try:
        print("published as", publish(*sys.argv[1:])["id"])
    except urllib.error.HTTPError as error:
        sys.exit(f"publish_http.py: {error.code} {error.read().decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"publish_http.py: {error}")


main()

"""JSON Web Tokens with HMAC, made from the standard library alone (RFC 7515, 7519)."""

import base64
import hashlib
import hmac
import json
import time

from harness import secrets

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def encode(data):
    """base64url without padding; a dict as its JSON."""
    data = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, key, algorithm="HS256", **header):
    """A token of exactly these claims. Algorithm "none" leaves the signature empty."""
    text = encode({"alg": algorithm, "typ": "JWT", **header}) + "." + encode(claims)
    signature = b""
    if algorithm != "none":
        signature = hmac.digest(key.encode(), text.encode(), HASHES[algorithm])
        secrets.register(encode(signature))  # a log must not show half a token either
    return secrets.register(f"{text}.{encode(signature)}")


def make(key, ttl=60, **claims):
    """A token that expires `ttl` seconds from now, which may be a fraction, or negative."""
    return sign({"exp": time.time() + ttl, **claims}, key)

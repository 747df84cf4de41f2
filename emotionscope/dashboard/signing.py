"""Addresses of films and faces that only a page can make: each is signed with a key of this run of the server.

So what is served is what a row names, and nobody can ask for another file of the videos' folder by a guess.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Literal

_KEY = secrets.token_bytes(32)
_LENGTH = 16  # bytes of a signature

Kind = Literal["film", "clip", "face"]


def address(kind: Kind, *values: object) -> str:
    """The address, without the host, at which the server gives what plain JSON values stand for."""
    words = json.dumps(values, separators=(",", ":")).encode()
    return f"/{kind}/{base64.urlsafe_b64encode(_sign(kind, words) + words).decode().rstrip('=')}"


def values(kind: Kind, token: str) -> list[object] | None:
    """The values that the last part of an address of this kind stands for; None where no page made it."""
    try:
        signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    signature, words = signed[:_LENGTH], signed[_LENGTH:]
    if not hmac.compare_digest(signature, _sign(kind, words)):
        return None
    found: list[object] = json.loads(words)
    return found


def _sign(kind: str, words: bytes) -> bytes:
    return hmac.new(_KEY, kind.encode() + b"\0" + words, hashlib.sha256).digest()[:_LENGTH]

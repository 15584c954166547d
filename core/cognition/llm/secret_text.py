"""Keys to providers never reach the store: what could be one is found by name and by shape."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

HIDDEN = "[hidden]"

#: Shorter values are placeholders for local servers ("EMPTY", "none") that occur in ordinary text.
SHORTEST = 16

_NAMES = re.compile(r"(API_?KEY|ACCESS_KEY|_TOKEN|_SECRET|PASSWORD)$", re.IGNORECASE)

# What the providers' keys look like, and where libraries put them in messages: headers and query parameters.
_SHAPES = (
    re.compile(r"\bsk-[A-Za-z0-9_\-]{16,}"),
    re.compile(r"\bAIza[A-Za-z0-9_\-]{16,}"),
    re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/\-]{8,}=*"),
    re.compile(r"(?i)([?&](?:key|api[_-]?key|access_token|token)=)[^\s&'\"]+"),
    re.compile(r"(?i)\b((?:x-goog-api-key|api[_-]key|authorization)['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]{8,}"),
    re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"),
)


def secret_values(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name to value of the environment's variables that hold keys, of 16 characters and more."""
    environment = os.environ if environment is None else environment
    return {
        name: value.strip()
        for name, value in environment.items()
        if _NAMES.search(name) and len(value.strip()) >= SHORTEST
    }


def without_values(text: str, secrets: Mapping[str, str]) -> str:
    """`text` without these keys' values, and otherwise as it was: for what a model said."""
    for value in secrets.values():
        text = text.replace(value, HIDDEN)
    return text


def without_secrets(text: str, secrets: Mapping[str, str] | None = None) -> str:
    """`text` without keys, whether known by value or by shape: for messages of libraries and servers."""
    text = without_values(text, secret_values() if secrets is None else secrets)
    for shape in _SHAPES:
        text = shape.sub(lambda found: (found.group(1) if found.re.groups else "") + HIDDEN, text)
    return text

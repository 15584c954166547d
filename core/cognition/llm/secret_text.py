"""Keys to providers never reach the store: what could be one is found by name and by shape."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from core.errors import InputError
from core.settings import KEY_VARIABLES

HIDDEN = "[hidden]"

#: Shorter values of variables that are sent to nobody are no keys, or occur in ordinary text.
SHORTEST = 16
#: Shorter keys are placeholders for local servers ("EMPTY", "none"), which occur in ordinary text and inside of words.
TELLING = 8
#: The variables whose values are sent as keys.
_SENT = frozenset(variable for variables in KEY_VARIABLES.values() for variable in variables)

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
    """Name to value of the environment's variables that hold keys: those that are sent to a provider whatever their length,
    others of 16 characters and more."""
    environment = os.environ if environment is None else environment
    return {
        name: value.strip()
        for name, value in environment.items()
        if (name in _SENT and value.strip()) or (_NAMES.search(name) and len(value.strip()) >= SHORTEST)
    }


def telling_values(secrets: Mapping[str, str]) -> dict[str, str]:
    """Those of the keys that are too long to occur in a text by chance."""
    return {name: value for name, value in secrets.items() if len(value) >= TELLING}


def refuse_keys(texts: Sequence[str], what: str, where: str) -> None:
    """InputError where one of the texts holds a key of the environment, which nothing may keep or send."""
    for name, value in telling_values(secret_values()).items():
        if any(value in text for text in texts):
            raise InputError(f"{what} holds the value of {name}", where=where, allowed="text without keys")


def without_values(text: str, secrets: Mapping[str, str]) -> str:
    """`text` without these keys' values, however they are written in it, and otherwise as it was: for what a model said."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        text = _written(value).sub(HIDDEN, text)
    return text


@lru_cache(maxsize=64)
def _written(value: str) -> re.Pattern[str]:
    """A key as it is, and with any of its characters escaped as in JSON or in an address. One so short that it occurs inside
    of words is found where it stands by itself."""
    code = "".join(
        rf"(?:\\?{re.escape(item)}|\\u{ord(item):04x}|\\u{ord(item):04X}|%{ord(item):02x}|%{ord(item):02X})"
        for item in value
    )
    return re.compile(code if len(value) >= TELLING else rf"(?<![A-Za-z0-9_]){code}(?![A-Za-z0-9_])")


def without_secrets(text: str, secrets: Mapping[str, str] | None = None) -> str:
    """`text` without keys, whether known by value or by shape: for messages of libraries and servers."""
    text = without_values(text, secret_values() if secrets is None else secrets)
    for shape in _SHAPES:
        text = shape.sub(lambda found: (found.group(1) if found.re.groups else "") + HIDDEN, text)
    return text

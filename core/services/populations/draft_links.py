"""A population's edits in an address: small enough for a link, so that they survive a reload and open in any store."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from dataclasses import replace
from typing import Any

from core.errors import InputError
from core.services.populations.drafts import GroupEdit, PersonEdit, PopulationDraft, TableEdit

#: Characters of edits in an address, and bytes that they unpack to.
LONGEST, LARGEST = 6_000, 200_000


def edits_text(draft: PopulationDraft) -> str | None:
    """The edits in letters that an address may have: "" for none, None where they are too long for one."""
    if not draft.is_edited:
        return ""
    said = {
        "tables": [[item.marginal, list(item.values)] for item in draft.tables],
        "groups": [[[list(pair) for pair in item.who], item.what, item.by] for item in draft.groups],
        "clones": list(draft.clones),
        "people": [[item.persona_id, [list(pair) for pair in item.changes]] for item in draft.people],
        "anew": draft.anew,
    }
    packed = zlib.compress(json.dumps({key: value for key, value in said.items() if value}).encode(), 9)
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return text if len(text) <= LONGEST else None


def with_edits(draft: PopulationDraft, text: str) -> PopulationDraft:
    """The draft with the edits of an address. They are data: read within bounds, and checked when the people are made. InputError
    in one line for what is none."""
    if len(text) > LONGEST:
        raise InputError(f"has {len(text):,} characters of edits", where="link", allowed=f"up to {LONGEST:,}")
    wrong = InputError("holds no edits that can be read: it was cut or changed", where="link")
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True), LARGEST
        )
        said: Any = json.loads(content) if reader.eof else None
    except (binascii.Error, ValueError, zlib.error, RecursionError):
        raise wrong from None
    if not isinstance(said, dict):
        raise wrong
    try:
        return replace(
            draft,
            tables=tuple(
                TableEdit(_text(name), tuple(map(_number, values))) for name, values in said.get("tables", ())
            ),
            groups=tuple(
                GroupEdit(tuple((_text(name), _text(value)) for name, value in who), _text(what), _number(by))
                for who, what, by in said.get("groups", ())
            ),
            clones=tuple(map(_whole, said.get("clones", ()))),
            people=tuple(
                PersonEdit(_whole(person), tuple((_text(name), _value(value)) for name, value in changes))
                for person, changes in said.get("people", ())
            ),
            anew=bool(said.get("anew", False)),
        )
    except (TypeError, ValueError):
        raise wrong from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _value(value: Any) -> str | float:
    return value if isinstance(value, str) else _number(value)

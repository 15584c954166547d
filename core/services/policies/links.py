"""A policy in an address: its edits themselves, small enough for a link, so that it opens in any store."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence

from core.errors import InputError
from core.policy.scenario import scenario_text
from core.policy.timeline import PolicyTimeline
from core.services.policies.timelines import LARGEST_FILE, OBSERVED, read_scenario_file

#: Characters of all edits in one address: browsers and mail programs take addresses of this length.
LONGEST = 6_000
MOST_POLICIES = 6
#: Stands between policies; no letter of the encoding.
BETWEEN = "."
#: What a draft of the observed policy is called in a link.
UNNAMED = "Edited policy"


def link_text(timelines: Sequence[PolicyTimeline], observed: PolicyTimeline) -> str:
    """The policies as edits of the observed one, compressed, in letters that an address may have. InputError where they are too
    long for a link, or no edits lead to one."""
    parts = []
    for item in timelines:
        named = item.renamed(UNNAMED, parent_id=observed.id) if item.name.casefold() == OBSERVED.casefold() else item
        packed = zlib.compress(scenario_text(named, observed).encode(), 9)
        parts.append(base64.urlsafe_b64encode(packed).decode().rstrip("="))
    text = BETWEEN.join(parts)
    if len(text) > LONGEST:
        raise InputError(
            f"the policies take {len(text):,} characters", where="link",
            allowed=f"up to {LONGEST:,}; longer ones go as scenario files",
        )  # fmt: skip
    return text


def policies_of_link(text: str, observed: PolicyTimeline) -> list[PolicyTimeline]:
    """The policies in an address. They are data: read within bounds, checked as a scenario file is, and kept nowhere.
    InputError in one line for what is none."""
    if len(text) > LONGEST:
        raise InputError(f"has {len(text):,} characters of edits", where="link", allowed=f"up to {LONGEST:,}")
    parts = [part for part in text.split(BETWEEN) if part]
    if len(parts) > MOST_POLICIES:
        raise InputError(f"has {len(parts)} policies", where="link", allowed=f"up to {MOST_POLICIES}")
    return [read_scenario_file(_unpacked(part), "link.toml", {}, observed)[0] for part in parts]


def _unpacked(part: str) -> bytes:
    reader = zlib.decompressobj()
    try:
        packed = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        content = reader.decompress(packed, LARGEST_FILE + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise InputError("holds no policy that can be read: it was cut or changed", where="link") from None
    if not reader.eof and len(content) <= LARGEST_FILE:
        raise InputError("holds no policy that can be read: it was cut or changed", where="link")
    return content

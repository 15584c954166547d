"""What is said of the store's file on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def check_text(values: Mapping[str, Any]) -> str:
    """The file, each table that cannot all be read, and what to do."""
    rows = sum(item["rows"] for item in values["tables"])
    if values["sound"]:
        return f"{values['file']} is sound: {values['bytes']:,} bytes, {rows:,} rows in {len(values['tables'])} tables."
    lines = [f"{values['file']} is damaged."]
    if values["damaged_at"]:
        places = ", ".join(f"{place:,}" for place in values["damaged_at"][:10])
        lines.append(f"Damaged parts begin at byte {places}{' …' if len(values['damaged_at']) > 10 else ''}.")
    if not values["opens"]:
        lines.append("It cannot be opened as it is.")
    lines += [
        f"{item['table']}: {item['readable']:,} of {item['rows']:,} rows can be read"
        for item in values["tables"]
        if item["readable"] < item["rows"]
    ]
    return "\n".join([*lines, str(values["advice"])])


def restore_text(values: Mapping[str, Any]) -> str:
    """What was saved, what was lost, and where the old file is."""
    saved = sum(item["saved"] for item in values["tables"])
    lost = sum(item["rows"] - item["saved"] for item in values["tables"])
    lines = [f"Restored {values['file']} from {values['from']}: {saved:,} rows{f', {lost:,} lost' if lost else ''}."]
    if values["mended_at"]:
        lines.append("A damaged byte was put right from the checksum.")
    if values["log_lost"]:
        lines.append("What was written last was damaged and is lost.")
    if values["runs_with_losses"]:
        lines.append(f"No longer complete, make them again: {', '.join(values['runs_with_losses'])}.")
    if values["gone"]:
        lines.append(f"Gone, because a part of them was: {', '.join(values['gone'])}.")
    if values["kept"]:
        lines.append(f"The file that stood there is now {values['kept']}.")
    return "\n".join(lines)


def bench_store_text(values: Mapping[str, Any]) -> str:
    """How often kills and damage ended how."""
    kills, flips = values["kills"], values["flips"]
    short = kills["kills"] < kills["asked"] or flips["flips"] < flips["asked"]
    ended = f"Ended early, see --minutes: {kills['kills']} of {kills['asked']} kills, {flips['flips']} of {flips['asked']} bytes."
    return "\n".join(
        [
            f"{kills['kills']} times killed: {kills['resumed']} resumed, {kills['complete']} complete already, "
            f"{kills['begun_anew']} begun anew, {kills['refused']} refused; {kills['doubled']} doubled, "
            f"{kills['other_result']} with another result, {kills['rows_lost']} with rows lost, "
            f"{kills['tracebacks']} tracebacks.",
            f"{flips['flips']} bytes flipped, one in each block of {flips['block_bytes']:,} bytes: {flips['said_damaged']} said "
            f"damaged, {flips['harmless']} harmless, {flips['wrongly_said']} wrongly said, {flips['tracebacks']} tracebacks; "
            f"of those damaged, {flips['restored_whole']} restored whole, {flips['restored_in_part']} in part, "
            f"{flips['not_restored']} not.",
            *([ended] if short else []),
            f"{values['seconds']:.0f} s",
        ]
    )

"""How words of the command line are read."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from core.study.steps import parse_period

DATE_FORMAT = "YYYY-MM-DD"


def folder(text: str) -> Path:
    """A folder that is there, also where a study with data of its own would not read it."""
    if not Path(text).expanduser().is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a folder; allowed: a folder of observations")
    return Path(text)


def day(text: str) -> date:
    """A day; a month or a year is its first one."""
    found = parse_period(text)
    if found is None:
        allowed = f"{DATE_FORMAT}, or YYYY-MM or YYYY where the study's step is as long"
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; allowed: {allowed}")
    return found

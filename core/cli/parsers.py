"""How words of the command line are read."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

DATE_FORMAT = "YYYY-MM-DD"


def folder(text: str) -> Path:
    """A folder that is there, also where a study with data of its own would not read it."""
    if not Path(text).expanduser().is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a folder; allowed: a folder of observations")
    return Path(text)


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; allowed: {DATE_FORMAT}") from None

"""README's figures between markers, filled from the files of measurements.

A part begins with `<!-- figures:NAME -->` and ends with `<!-- /figures -->`, each on a line of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import InputError, one_of
from core.files_out import written_whole
from core.report.readme_tables import BLOCKS, block
from core.settings import project_root

OPEN = re.compile(r"^<!-- figures:(\S+) -->$")
CLOSE = "<!-- /figures -->"


def readme_path() -> Path:
    """The README of this checkout. InputError for an installation without one."""
    path = project_root() / "README.md"
    if not path.is_file():
        raise InputError("is not here", where=str(path), allowed="a checkout of PolicyTwin, or --readme FILE")
    return path


def filled(text: str, where: str, folder: Path | None = None) -> str:
    """The text with every part made anew. InputError for a marker of an unknown name, and one that is not closed."""
    lines: list[str] = []
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        opened = OPEN.match(line)
        if opened and inside is not None:
            raise InputError(f"figures:{inside} is not closed", where=f"{where}, line {number}", allowed=CLOSE)
        if opened:
            inside = one_of(opened[1], BLOCKS, what="part of README", where=f"{where}, line {number}")
            lines += [line, block(inside, folder)]
        elif line == CLOSE:
            if inside is None:
                raise InputError(
                    "closes nothing", where=f"{where}, line {number}", allowed="<!-- figures:NAME --> above"
                )
            inside = None
            lines.append(line)
        elif inside is None:
            lines.append(line)
    if inside is not None:
        raise InputError(f"figures:{inside} is not closed", where=where, allowed=CLOSE)
    return "\n".join(lines) + "\n"


def differing_parts(text: str, where: str, folder: Path | None = None) -> list[str]:
    """The parts that are not what the files say, and those that the text lacks."""
    wanted = _parts(filled(text, where, folder))
    found = _parts(text)
    return [name for name in BLOCKS if name not in found or found[name] != wanted[name]]


def fill_readme(path: Path, folder: Path | None = None) -> bool:
    """Fill the file; whether anything changed."""
    text = path.read_text(encoding="utf-8")
    new = filled(text, path.name, folder)
    if new == text:
        return False
    with written_whole(path, "a README", lambda place: True) as place:
        place.write_text(new, encoding="utf-8")
        place.chmod(path.stat().st_mode)
    return True


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = None
    for line in text.splitlines():
        opened = OPEN.match(line)
        if opened:
            name = opened[1]
            found[name] = ""
        elif line == CLOSE:
            name = None
        elif name is not None:
            found[name] += line + "\n"
    return found

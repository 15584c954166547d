"""A document as a file for others: HTML that loads nothing, or the same as PDF through a Chromium of this machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from core.errors import InputError, PolicyTwinError, one_of
from core.files_out import written_whole
from core.report.document import Document
from core.report.renderers.html import html_text
from core.settings import BROWSERS, browser_program

SUFFIXES = (".html", ".pdf")
#: Seconds after which a browser that prints nothing is given up.
PATIENCE = 90
_MARK = b"Made by PolicyTwin"


def pdf_bytes(document: Document) -> bytes:
    """The document as PDF, each of its parts unfolded. InputError where no browser is here that makes one."""
    browser = browser_program()
    if browser is None:
        raise InputError(
            "a PDF is printed by Chromium, and none is on the path", where="report",
            allowed=f"a file ending in .html, which any browser prints, or one of {', '.join(BROWSERS[:4])} installed",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="policytwin-") as folder:
        page, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_text(html_text(document), encoding="utf-8")
        # The administrator's account, as in containers, has no sandbox to run in; the page loads nothing.
        alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [
            browser, "--headless", "--disable-gpu", *alone, f"--user-data-dir={folder}/profile", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-pdf-header-footer",
            "--window-size=718,1000", "--virtual-time-budget=10000", f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
            said = done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            said = [f"nothing after {PATIENCE} seconds"]
        if not printed.is_file():
            raise PolicyTwinError(f"{browser} printed no PDF: {said[-1] if said else 'it said nothing'}")
        return printed.read_bytes()


def write_document(document: Document, path: Path) -> Path:
    """Write a document as HTML or PDF, as the file's name ends. InputError for another ending, or where another file is in
    its place."""
    suffix = one_of(path.suffix.lower(), SUFFIXES, what="kind of report", where=str(path))
    content = pdf_bytes(document) if suffix == ".pdf" else html_text(document).encode()
    with written_whole(path, "a report", _is_report) as place:
        place.write_bytes(content)
    return path


def _is_report(found: Path) -> bool:
    content = found.read_bytes()
    return _MARK in content or content.startswith(b"%PDF-")

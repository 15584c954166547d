"""Fetch the observations of the UAE study from their providers' public addresses.

NOT VERIFIED AGAINST THE PROVIDERS: this code was written and tested without access to them, against a local server
that serves files of their layouts. The addresses are the ones the providers documented; where one has moved, `urls`
overrides it.

- Mobility: the archive of Google's Community Mobility Reports by country, of which the members 2020_AE, 2021_AE and
  2022_AE are kept, bytes unchanged.
- Policy and cases: the OxCGRT tracker's table in the layout used until July 2022 (`OxCGRT_latest.csv`), which carries
  one value per indicator and the published indices; of its national rows those of the UAE are kept, cells unchanged.
  The tracker's later `OxCGRT_compact_national_v1.csv` can be named in `urls` instead: its indicators are those of the
  majority, and its averaged indices are not the study's.

No checksums of these files are known here. The first download pins them: `policytwin-manifest.json` in the folder holds
the SHA-256 of what was downloaded and of what was kept, and a later download must match it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from core.datasets.observed import load_observed
from core.errors import DiskFull, InputError, one_of
from core.files_out import is_full
from core.study import load_study

URLS: Mapping[str, str] = {
    "mobility": "https://www.gstatic.com/covid19/mobility/Region_Mobility_Report_CSVs.zip",
    "policy": "https://raw.githubusercontent.com/OxCGRT/covid-policy-tracker-legacy/main/legacy_data_202207/OxCGRT_latest.csv",
}
MEMBERS = (
    "2020_AE_Region_Mobility_Report.csv",
    "2021_AE_Region_Mobility_Report.csv",
    "2022_AE_Region_Mobility_Report.csv",
)
POLICY_FILE = "OxCGRT_nat_latest_ARE.csv"
MANIFEST = "policytwin-manifest.json"
COUNTRY = "ARE"
#: Seconds without an answer after which a provider counts as out of reach.
TIMEOUT_S = 60

#: Bytes of a download, and of a member of Google's archive once unpacked: many times what there is of one country in a year.
#: A small archive can stand for gigabytes.
LARGEST_DOWNLOAD = 2 * 2**30
LARGEST_MEMBER = 64 * 2**20

#: Called with what is being done, the bytes done and the bytes in all (None where the provider does not say).
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Fetched:
    """What a fetch left in the folder: SHA-256 by file name, and whether anything was downloaded."""

    folder: Path
    files: dict[str, str]
    downloaded: bool


def fetch_uae(
    folder: str | Path,
    *,
    urls: Mapping[str, str] | None = None,
    refresh: bool = False,
    progress: Progress | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Fetched:
    """Fill `folder` with what `load_observed(load_study("uae"), folder)` reads, and a manifest of checksums.

    urls: addresses that replace those of `URLS`, by "mobility" and "policy". Where all files are there and match the
    manifest nothing is downloaded. A download must match the checksum pinned by an earlier one unless `refresh`, which
    downloads anew and pins anew. progress: called as the work goes on.

    Everything is prepared and checked in a temporary folder and moved in at the end: a failed fetch leaves the folder
    as it was. Raises InputError where a provider cannot be reached, a checksum does not match, or a file is not what it
    should be or larger than such a file can be.
    """
    folder = Path(folder)
    addresses = dict(URLS)
    for name, url in (urls or {}).items():
        addresses[one_of(name, URLS, what="source to fetch")] = url
    if folder.exists() and not folder.is_dir():
        raise InputError("is not a folder", where=str(folder), allowed="a folder to fetch into")
    pinned = _manifest(folder)
    if pinned and not refresh and _intact(folder, pinned):
        return Fetched(folder, _kept(pinned), downloaded=False)
    pins = {} if refresh else {item["url"]: item["sha256"] for item in pinned.get("downloads", {}).values()}
    try:
        base = folder if folder.is_dir() else folder.parent
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=base, prefix=".fetching-") as temporary:
            stage = Path(temporary) / "stage"
            stage.mkdir()
            archive = _download(addresses["mobility"], Path(temporary) / "mobility", pins, progress, timeout_s)
            _extract(archive, addresses["mobility"], stage)
            table = _download(addresses["policy"], Path(temporary) / "policy", pins, progress, timeout_s)
            _keep_country(table, addresses["policy"], stage / POLICY_FILE)
            _check(stage)
            manifest = {
                "study": "uae",
                "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
                "downloads": {
                    name: {"url": addresses[name], "sha256": _sha256(path), "bytes": path.stat().st_size}
                    for name, path in (("mobility", archive), ("policy", table))
                },
                "files": {path.name: _sha256(path) for path in sorted(stage.iterdir())},
            }
            _move_in(stage, folder, manifest, pinned.get("files", {}))
    except OSError as wrong:
        if is_full(wrong):
            raise DiskFull(str(folder)) from None
        raise InputError(
            f"cannot be written ({wrong.strerror or wrong})", where=str(folder), allowed="a folder one may write to"
        ) from None
    return Fetched(folder, _kept(manifest), downloaded=True)


def _manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest; empty where there is none or it is not one."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sound = (
            isinstance(found, dict)
            and all(isinstance(value, str) for value in found["files"].values())
            and all(isinstance(item["url"] + item["sha256"], str) for item in found["downloads"].values())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found if sound else {}


def _kept(manifest: Mapping[str, Any]) -> dict[str, str]:
    return dict(manifest["files"])


def _intact(folder: Path, manifest: Mapping[str, Any]) -> bool:
    kept = _kept(manifest)
    if not {*MEMBERS, POLICY_FILE} <= set(kept):
        return False
    return all((folder / name).is_file() and _sha256(folder / name) == sha256 for name, sha256 in kept.items())


def _download(url: str, path: Path, pins: Mapping[str, str], progress: Progress | None, timeout_s: float) -> Path:
    import pooch
    import requests

    label = PurePosixPath(url.split("?")[0]).name or url

    def stream(address: str, output_file: str, _: object) -> None:
        # pooch's own downloader leaves the connection open where the server answers with an error.
        with requests.get(address, stream=True, timeout=timeout_s) as answer, Path(output_file).open("wb") as out:
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None
            done = 0
            _bounded(total or 0, LARGEST_DOWNLOAD, "sends", url)
            if progress is not None:
                progress(label, done, total)
            for piece in answer.iter_content(chunk_size=1 << 20):
                done += len(piece)
                # A server may send more than it says, or not say.
                _bounded(done, LARGEST_DOWNLOAD, "sends", url)
                out.write(piece)
                if progress is not None:
                    progress(label, done, total)

    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=stream)
    except (requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema, requests.exceptions.InvalidURL):
        raise InputError("is not an address one can fetch from", where=url, allowed="http:// or https://") from None
    except (requests.exceptions.RequestException, OSError, ValueError) as wrong:
        raise InputError(
            f"could not be fetched ({_reason(wrong)})",
            where=url,
            allowed="a provider one can reach, or a folder with the files given with --data",
        ) from None
    pin = pins.get(url)
    found = _sha256(path)
    if pin is not None and found != pin:
        raise InputError(
            f"the checksum of the download is {found}, not the one pinned by the first fetch",
            where=url,
            allowed=f"SHA-256 {pin}; fetch with refresh to accept what the provider has now",
        )
    return path


def _reason(wrong: BaseException) -> str:
    import requests

    if isinstance(wrong, requests.exceptions.HTTPError) and wrong.response is not None:
        return f"the server answered {wrong.response.status_code} {wrong.response.reason}".rstrip()
    # A provider that falls silent half-way raises a ConnectionError that only says so in words.
    if isinstance(wrong, requests.exceptions.Timeout) or "timed out" in str(wrong):
        return "no answer in time"
    if isinstance(wrong, requests.exceptions.ChunkedEncodingError):
        return "the download broke off"
    if isinstance(wrong, requests.exceptions.ConnectionError):
        return "no connection"
    return (str(wrong).splitlines() or [type(wrong).__name__])[0][:160]


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from announcing on stderr what `progress` reports."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _extract(archive: Path, url: str, stage: Path) -> None:
    """Write the UAE's members of Google's archive into `stage`, bytes unchanged."""
    try:
        with zipfile.ZipFile(archive) as opened:
            by_name = {PurePosixPath(name).name: name for name in opened.namelist()}
            absent = [member for member in MEMBERS if member not in by_name]
            if absent:
                raise InputError(f"the archive has no member {absent[0]}", where=url, allowed=", ".join(MEMBERS))
            for member in MEMBERS:
                about = opened.getinfo(by_name[member])
                # No more than this is unpacked, whatever comes.
                _bounded(about.file_size, LARGEST_MEMBER, f"the member {member} unpacks to", url)
                with opened.open(about) as packed, (stage / member).open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as wrong:
        raise InputError(
            f"is not a readable zip archive ({wrong})", where=url, allowed="Google's archive of CSV files"
        ) from None


def _bounded(size: int, most: int, what: str, url: str) -> None:
    if size > most:
        raise InputError(f"{what} {size:,} bytes or more", where=url, allowed=f"{most:,} at most")


def _keep_country(table: Path, url: str, target: Path) -> None:
    """Write the header and the national rows of the UAE of the tracker's table, cells unchanged."""
    try:
        with (
            table.open(encoding="utf-8-sig", newline="") as source,
            target.open("w", encoding="utf-8", newline="") as kept,
        ):
            rows = csv.reader(source)
            header = next(rows, [])
            if not {"CountryCode", "Date"} <= set(header):
                raise InputError(
                    "is not the tracker's table", where=url, allowed="a CSV file with CountryCode, Date and indicators"
                )
            writer = csv.writer(kept, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(_national(rows, header))
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise InputError(f"is not a UTF-8 CSV file ({wrong})", where=url, allowed="the tracker's table") from None


def _national(rows: Iterable[list[str]], header: list[str]) -> Iterator[list[str]]:
    country = header.index("CountryCode")
    regional = [header.index(name) for name in ("RegionName", "RegionCode") if name in header]
    for row in rows:
        if (
            len(row) > country
            and row[country] == COUNTRY
            and not any(row[column].strip() for column in regional if column < len(row))
        ):
            yield row


def _check(stage: Path) -> None:
    """Read what was kept the way a run will read it."""
    try:
        load_observed(load_study("uae"), stage)
    except InputError as wrong:
        raise InputError(
            f"what the providers sent cannot be used: {wrong}",
            allowed="files in the layouts Google and OxCGRT published",
        ) from None


def _move_in(stage: Path, folder: Path, manifest: Mapping[str, Any], earlier: Mapping[str, str]) -> None:
    """Each file is replaced at once, the manifest last: until it is there the folder counts as incomplete.

    InputError for a file that no `earlier` fetch wrote: it is somebody's own.
    """
    theirs = [name for name in sorted(manifest["files"]) if (folder / name).exists() and name not in earlier]
    if theirs:
        raise InputError(
            f"{theirs[0]} is there already, and no fetch wrote it", where=str(folder), allowed="a new or empty folder"
        )
    text = json.dumps(manifest, indent=2) + "\n"
    (stage / MANIFEST).write_text(text, encoding="utf-8")
    if not folder.exists():
        stage.rename(folder)
        return
    for name in [*sorted(manifest["files"]), MANIFEST]:
        os.replace(stage / name, folder / name)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

"""Fetching the UAE case from a local server that serves made-up files in the providers' layouts."""

from __future__ import annotations

import http.server
import io
import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from provider_files import google_csv, tracker_csv

from core.datasets import fetch_uae, load_observed, read_policy
from core.datasets.fetch import LARGEST_MEMBER, MANIFEST, MEMBERS, POLICY_FILE
from core.errors import InputError
from core.study import load_study

UAE = load_study("uae")
YEARS = (
    (date(2020, 2, 15), date(2020, 12, 31)),
    (date(2021, 1, 1), date(2021, 12, 31)),
    (date(2022, 1, 1), date(2022, 10, 15)),
)


def archive(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return out.getvalue()


def reports() -> dict[str, str]:
    content = {
        name: google_csv(*year, seed=index) for index, (name, year) in enumerate(zip(MEMBERS, YEARS, strict=True))
    }
    return {**content, "2020_OM_Region_Mobility_Report.csv": "not asked for"}


class Provider:
    """A server whose files a test can change. `cut` closes the connection after that many bytes of a file; `tells` says
    whether it announces how many there are."""

    def __init__(self) -> None:
        self.files = {"/a/reports.zip": archive(reports()), "/b/OxCGRT_latest.csv": TRACKER.encode()}
        self.cut: int | None = None
        self.tells = True
        self.silent = threading.Event()
        self.silent.set()
        self.asked: list[str] = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                provider.silent.wait(5)
                content = provider.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                if provider.tells:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content if provider.cut is None else content[: provider.cut])

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def urls(self) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {"mobility": f"{base}/a/reports.zip", "policy": f"{base}/b/OxCGRT_latest.csv"}

    def close(self) -> None:
        self.silent.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


TRACKER = tracker_csv(date(2020, 1, 1), date(2022, 12, 31))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Provider()
    yield served
    served.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(fetch: Callable[[], object], *says: str) -> None:
    with pytest.raises(InputError) as caught:
        fetch()
    for words in says:
        assert words in str(caught.value), str(caught.value)


def test_what_is_fetched_is_what_the_study_reads(provider: Provider, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []
    folder = tmp_path / "new" / "observed"
    fetched = fetch_uae(folder, urls=provider.urls, progress=lambda *said: heard.append(said))
    assert fetched.downloaded and set(fetched.files) == {*MEMBERS, POLICY_FILE}
    assert set(contents(folder)) == {*MEMBERS, POLICY_FILE, MANIFEST}
    assert (folder / MEMBERS[0]).read_text(encoding="utf-8") == reports()[MEMBERS[0]]
    assert list(read_policy(folder / POLICY_FILE)["place"].unique()) == ["ARE"]
    observed = load_observed(UAE, folder)
    assert observed.mobility.shape == (972, 6) and observed.mobility.notna().all(axis=None)
    assert observed.policy["C1"].notna().all() and observed.cases.notna().sum() > 900
    assert observed.hashes == fetched.files
    size = len(provider.files["/a/reports.zip"])
    assert ("reports.zip", 0, size) in heard and ("reports.zip", size, size) in heard
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["downloads"]["mobility"]["bytes"] == size
    assert manifest["downloads"]["policy"]["url"] == provider.urls["policy"]


def test_a_complete_folder_is_not_fetched_again_and_a_damaged_one_is(provider: Provider, tmp_path: Path) -> None:
    folder = tmp_path / "observed"
    first = fetch_uae(folder, urls=provider.urls)
    before = contents(folder)
    provider.asked.clear()
    again = fetch_uae(folder, urls=provider.urls)
    assert not again.downloaded and again.files == first.files and not provider.asked
    (folder / MEMBERS[1]).write_text("damaged", encoding="utf-8")
    assert fetch_uae(folder, urls=provider.urls).downloaded
    after = contents(folder)
    assert {name: after[name] for name in after if name != MANIFEST} == {
        name: before[name] for name in before if name != MANIFEST
    }


def test_a_download_must_match_the_first_unless_it_is_refreshed(provider: Provider, tmp_path: Path) -> None:
    folder = tmp_path / "observed"
    fetch_uae(folder, urls=provider.urls)
    provider.files["/b/OxCGRT_latest.csv"] = tracker_csv(date(2020, 1, 1), date(2022, 12, 31), seed=9).encode()
    (folder / POLICY_FILE).unlink()
    before = contents(folder)
    refused(
        lambda: fetch_uae(folder, urls=provider.urls), "the checksum of the download is", "OxCGRT_latest.csv", "refresh"
    )
    assert contents(folder) == before
    fetch_uae(folder, urls=provider.urls, refresh=True)
    assert fetch_uae(folder, urls=provider.urls).downloaded is False
    assert load_observed(UAE, folder).policy.notna().any(axis=None)


def answer_404(provider: Provider) -> dict[str, str]:
    del provider.files["/b/OxCGRT_latest.csv"]
    return provider.urls


def cut_off(provider: Provider) -> dict[str, str]:
    provider.cut = 5000
    return provider.urls


def fall_silent(provider: Provider) -> dict[str, str]:
    provider.silent.clear()
    return provider.urls


def refuse_connections(provider: Provider) -> dict[str, str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    return {"mobility": f"http://127.0.0.1:{port}/reports.zip", "policy": f"http://127.0.0.1:{port}/x.csv"}


def name_no_scheme(provider: Provider) -> dict[str, str]:
    return {**provider.urls, "policy": "/b/OxCGRT_latest.csv"}


def name_another_scheme(provider: Provider) -> dict[str, str]:
    return {**provider.urls, "policy": "file:///etc/hostname"}


def send_no_archive(provider: Provider) -> dict[str, str]:
    provider.files["/a/reports.zip"] = b"<html>moved</html>"
    return provider.urls


def send_a_damaged_archive(provider: Provider) -> dict[str, str]:
    content = bytearray(provider.files["/a/reports.zip"])
    content[2000:2400] = bytes(400)
    provider.files["/a/reports.zip"] = bytes(content)
    return provider.urls


def leave_out_a_member(provider: Provider) -> dict[str, str]:
    provider.files["/a/reports.zip"] = archive({name: text for name, text in reports().items() if name != MEMBERS[1]})
    return provider.urls


def send_a_member_that_unpacks_without_end(provider: Provider) -> dict[str, str]:
    """Seventy thousand bytes that stand for seventy million."""
    provider.files["/a/reports.zip"] = archive({**reports(), MEMBERS[1]: "0" * (LARGEST_MEMBER + 1)})
    return provider.urls


def send_a_member_larger_than_it_says(provider: Provider) -> dict[str, str]:
    content = bytearray(archive({MEMBERS[0]: "0" * 10_000_000, **dict(list(reports().items())[1:])}))
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    provider.files["/a/reports.zip"] = bytes(content)
    return provider.urls


def send_a_broken_member(provider: Provider) -> dict[str, str]:
    members = reports()
    members[MEMBERS[2]] = members[MEMBERS[2]].replace("2022-03-01", "2022-03-31", 1)
    provider.files["/a/reports.zip"] = archive(members)
    return provider.urls


def send_another_table(provider: Provider) -> dict[str, str]:
    provider.files["/b/OxCGRT_latest.csv"] = b"<html>moved</html>"
    return provider.urls


def send_other_bytes(provider: Provider) -> dict[str, str]:
    provider.files["/b/OxCGRT_latest.csv"] = TRACKER.encode("utf-16")
    return provider.urls


def leave_out_the_country(provider: Provider) -> dict[str, str]:
    provider.files["/b/OxCGRT_latest.csv"] = TRACKER.replace("ARE", "QAT").encode()
    return provider.urls


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (answer_404, "the server answered 404"),
        (cut_off, "the download broke off"),
        (fall_silent, "no answer in time"),
        (refuse_connections, "could not be fetched (no connection)"),
        (name_no_scheme, "is not an address one can fetch from"),
        (name_another_scheme, "is not an address one can fetch from"),
        (send_no_archive, "is not a readable zip archive"),
        (send_a_damaged_archive, "is not a readable zip archive"),
        (send_a_member_that_unpacks_without_end, f"the member {MEMBERS[1]} unpacks to 67,108,865 bytes or more"),
        (send_a_member_larger_than_it_says, "is not a readable zip archive"),
        (leave_out_a_member, f"the archive has no member {MEMBERS[1]}"),
        (send_a_broken_member, "2022-03-31 of ARE was already given"),
        (send_another_table, "is not the tracker's table"),
        (send_other_bytes, "is not a UTF-8 CSV file"),
        (leave_out_the_country, "what the providers sent cannot be used"),
    ],
)
def test_a_failed_fetch_says_why_and_leaves_nothing_behind(
    provider: Provider, tmp_path: Path, fault: Callable[[Provider], dict[str, str]], says: str
) -> None:
    urls = fault(provider)
    refused(lambda: fetch_uae(tmp_path / "observed", urls=urls, timeout_s=0.5), says)
    assert list(tmp_path.iterdir()) == []
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "notes.txt").write_text("mine", encoding="utf-8")
    refused(lambda: fetch_uae(kept, urls=urls, timeout_s=0.5), says)
    assert contents(tmp_path) == {"mine/notes.txt": b"mine"}
    assert [path.name for path in kept.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("tells", [True, False])
def test_a_download_without_end_is_broken_off(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    provider.tells = tells
    fetch_uae(tmp_path / "whole", urls=provider.urls)
    monkeypatch.setattr("core.datasets.fetch.LARGEST_DOWNLOAD", len(provider.files["/a/reports.zip"]) - 1)
    refused(lambda: fetch_uae(tmp_path / "observed", urls=provider.urls), "bytes or more", "reports.zip", "at most")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_what_one_asks_for_must_make_sense(provider: Provider, tmp_path: Path) -> None:
    refused(lambda: fetch_uae(tmp_path / "x", urls={"mobilty": "http://127.0.0.1/"}), "Nearest valid: mobility")
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused(lambda: fetch_uae(tmp_path / "file", urls=provider.urls), "is not a folder")
    refused(lambda: fetch_uae(tmp_path / "file" / "below", urls=provider.urls), "cannot be written")


@pytest.mark.parametrize(
    "manifest", ["", "[]", '{"files": 3}', '{"files": {}, "downloads": {"x": {"url": 1}}}', "\x00"]
)
def test_a_manifest_that_is_none_counts_as_absent(provider: Provider, tmp_path: Path, manifest: str) -> None:
    (tmp_path / MANIFEST).write_text(manifest, encoding="utf-8")
    assert fetch_uae(tmp_path, urls=provider.urls).downloaded
    assert not fetch_uae(tmp_path, urls=provider.urls).downloaded

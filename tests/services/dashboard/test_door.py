"""Who can open the dashboard: names it answers to, what it asks of elsewhere (nothing), and whose keys it spends (nobody's)."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.errors import InputError
from core.services.dashboard.door import WARNING, allowed_hosts, login_is_configured, only_this_machine
from core.settings import observed_data, store_path

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-" + "hush" * 8
#: Notes every address that any process of ours looks up or connects to.
NOTES = """
import os, sys
def note(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        place = given[1] if event != "socket.getaddrinfo" else given[0]
        with open(os.environ["NOTES"], "a") as file:
            file.write(f"{place[0] if isinstance(place, tuple) else place}\\n")
sys.addaudithook(note)
"""


@dataclass
class Served:
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def environments(self) -> list[dict[str, str]]:
        return [child.environ() for child in psutil.Process(self.process.pid).children(recursive=True)]


@pytest.fixture(scope="module")
def beyond(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The dashboard for everybody, opened in a folder of its own with a store and data named relative to it."""
    folder = tmp_path_factory.mktemp("door")
    shutil.copy(meridia_run, folder / "mine.duckdb")
    (folder / "notes").mkdir()
    (folder / "notes" / "sitecustomize.py").write_text(NOTES)
    (folder / "observed").mkdir()
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLICYTWIN")}
    environment = {
        **kept,
        "OPENAI_API_KEY": KEY,
        "POLICYTWIN_DATA": "observed",
        "NOTES": str(folder / "asked"),
        "PYTHONPATH": os.pathsep.join([str(folder / "notes"), str(ROOT)]),
        "HOME": str(folder),
    }
    command = [sys.executable, "-m", "core.cli", "--no-browser", "--host", "0.0.0.0", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--db", "mine.duckdb", "--allowed-host", "twin.example.org"],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        served = Served(port, folder, process)
        try:
            for _ in range(240):
                assert process.poll() is None, served.log
                try:
                    with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                        break
                except OSError:
                    time.sleep(0.5)
            yield served
        finally:
            process.terminate()
            process.wait(timeout=30)


def answer(port: int, host: str, origin: str) -> str:
    """The first line that a request for a session gets."""
    key = base64.b64encode(b"0" * 16).decode()
    with socket.create_connection(("127.0.0.1", port), 20) as opened:
        opened.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: streamlit\r\n"
            f"Origin: {origin}\r\n\r\n".encode()
        )
        return opened.recv(200).split(b"\r\n")[0].decode()


def first_page(port: int) -> str:
    """All texts of the first page, as a browser gets them."""

    async def visit() -> str:
        texts = []
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as session:
            ask = BackMsg()
            ask.rerun_script.page_name = ""
            await session.send(ask.SerializeToString())
            while True:
                got = ForwardMsg()
                got.ParseFromString(await asyncio.wait_for(session.recv(), 120))
                texts.append(str(got))
                if got.WhichOneof("type") == "script_finished":
                    return "\n".join(texts)

    return asyncio.run(visit())


def test_a_name_that_was_made_to_point_here_gets_no_session(beyond: Served) -> None:
    port = beyond.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "twin.example.org", socket.gethostname()):
        assert " 101 " in answer(port, host, f"http://{host}"), host
    for host in (f"evil.example:{port}", "127.0.0.1.evil.example", "evil.example@127.0.0.1", ""):
        assert " 403" in answer(port, host, f"http://{host}") or " 400" in answer(port, host, f"http://{host}"), host
    assert " 403" in answer(port, f"127.0.0.1:{port}", "http://evil.example"), "nor does another site's page"


def test_the_page_warns_shows_the_callers_store_and_asks_nothing_of_elsewhere(beyond: Served) -> None:
    page = first_page(beyond.port)
    assert WARNING[:60] in page and "run-" in page, (
        "the run of the store that was named relative to the caller's folder"
    )
    assert f"policytwin: {WARNING}" in beyond.log and "Traceback" not in beyond.log, beyond.log
    assert not (ROOT / "mine.duckdb").exists()
    asked = set((beyond.folder / "asked").read_text().split())
    here = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "None", "::"}
    # The last two are never sent to: a datagram socket that is connected there tells its own address.
    sent = {place for place in asked if not place.startswith(("/", "b'")) and place not in here}
    assert sent <= {"192.0.2.1", "2001:db8::1", socket.gethostname()}, sent


def test_no_process_that_visitors_reach_has_a_key(beyond: Served) -> None:
    environments = beyond.environments()
    assert environments and not [one for one in environments if KEY in one.values()]
    served = next(one for one in environments if "POLICYTWIN_DB" in one)
    assert served["POLICYTWIN_DB"] == str(beyond.folder / "mine.duckdb")
    assert served["POLICYTWIN_DATA"] == str(beyond.folder / "observed")


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.8.8", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.4", False), ("twin.example.org", False), (None, False), ("", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine_alone(host: str | None, alone: bool) -> None:
    assert only_this_machine(host) is alone


def test_allowed_names_are_loopback_the_host_and_what_is_named() -> None:
    assert allowed_hosts("127.0.0.1") == ("localhost", "127.0.0.1", "::1")
    assert allowed_hosts("192.168.1.4", ("a.example",))[-2:] == ("192.168.1.4", "a.example")
    assert "*" not in allowed_hosts("0.0.0.0") and socket.gethostname() in allowed_hosts("0.0.0.0")
    with pytest.raises(InputError, match="no host name"):
        allowed_hosts("127.0.0.1", ("http://a.example/",))


def test_a_login_is_one_that_streamlits_secrets_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    assert not login_is_configured(tmp_path)
    for text, there in (('[auth]\nclient_id = "x"\n', True), ("[other]\na = 1\n", False), ("not toml", False)):
        secrets.write_text(text)
        assert login_is_configured(tmp_path) is there


def test_paths_mean_the_callers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLICYTWIN_DB", "here.duckdb")
    monkeypatch.setenv("POLICYTWIN_DATA", "data")
    assert store_path() == tmp_path / "here.duckdb" and observed_data() == tmp_path / "data"
    assert store_path("x.duckdb") == tmp_path / "x.duckdb" and observed_data("d") == tmp_path / "d"

"""Open the dashboard: prepare the embedded study on first use, then hand over to Streamlit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from core.errors import InputError, StoreError, one_of
from core.execution.progress import Progress, ProgressReporter
from core.services.dashboard.door import LOOPBACK, WARNING, allowed_hosts, login_is_configured, only_this_machine
from core.services.studies.inputs import EMBEDDED
from core.settings import (
    CLUSTER_VARIABLE,
    DATA_VARIABLE,
    KEY_VARIABLES,
    READ_ONLY_VARIABLE,
    RESPONDENTS_VARIABLE,
    STORE_VARIABLE,
    observed_data,
    project_root,
    store_path,
)

#: Who of respondents is shown where others can open the dashboard: nobody real, or counts of groups.
RESPONDENTS = ("off", "open")


def prepare_embedded(store: str | Path | None = None) -> bool:
    """Run the embedded study once, so that the first screen has something to show. Returns whether it had to."""
    from core.services.runs.fitted import latest_run
    from core.services.runs.run import run_study
    from core.services.studies.requests import RunRequest
    from core.store.database import Store

    def report(item: Progress) -> None:
        if sys.stderr.isatty():
            text = f"Preparing the fictional study Meridia: {item.stage}, {item.done} of {item.total} {item.text}"
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    with Store(store_path(store)) as opened:
        if latest_run(opened, EMBEDDED) is not None:
            return False
        print("First use: running the main job on the fictional study Meridia.", file=sys.stderr)
        run_study(RunRequest(EMBEDDED), opened, ProgressReporter(report))
    print(file=sys.stderr)
    return True


def open_dashboard(
    host: str,
    port: int,
    browser: bool,
    store: str | Path | None = None,
    further_hosts: tuple[str, ...] = (),
    cluster: str | None = None,
    read_only: bool = False,
    respondents: str = RESPONDENTS[0],
) -> int:
    """Serve the dashboard until it is stopped by Ctrl-C or TERM; returns its exit code. InputError where the port is taken.

    `further_hosts` are names that browsers may ask for besides `host`, as those of a proxy; `cluster` does the work. Served
    `read_only`, it shows what the store has and changes nothing; InputError where there is no store yet. Where others can
    open it, real people are left out, unless `respondents` is "open": then counts of groups are shown.
    """
    if not 1 <= port <= 65535:
        raise InputError(f"port {port}", allowed="1 to 65535", nearest="8501")
    one_of(respondents, RESPONDENTS, what="choice", where="--respondents")
    hosts = allowed_hosts(host, further_hosts)
    check_free(host, port)
    if read_only and not store_path(store).is_file():
        raise InputError(
            "there is no store to read",
            where=str(store_path(store)),
            allowed="a store that `policytwin` has made (--db FILE)",
        )
    if not read_only:
        prepare_embedded(store)
        _finish_withdrawals(store)
    root = project_root()
    command = [
        sys.executable, "-m", "pages.common.serve", "run", str(root / "app.py"),
        "--server.address", host, "--server.port", str(port), "--server.headless", str(not browser).lower(),
        "--browser.serverAddress", "localhost" if only_this_machine(host) else hosts[len(LOOPBACK)],
    ]  # fmt: skip
    for name in hosts:
        command += ["--server.allowedHosts", name]
    print(f"PolicyTwin is at http://{host}:{port} (stop with Ctrl-C)", file=sys.stderr)
    if not only_this_machine(host):
        print(f"policytwin: {WARNING}", file=sys.stderr)
    environment = _environment(host, store, root, cluster, read_only, respondents)
    process = subprocess.Popen(command, cwd=root, env=environment)  # noqa: S603 (our own, no shell)
    # Ctrl-C reaches both processes; a service manager's TERM reaches this one alone, and the store would stay open.
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return max(process.wait(), 0)
    except KeyboardInterrupt:
        process.wait()
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _finish_withdrawals(store: str | Path | None) -> None:
    """What an earlier process was killed at, or a restored backup brought back, before anybody looks."""
    from core.services.people.withdrawing import finish_withdrawals
    from core.store.database import Store

    with Store(store_path(store)) as opened:
        try:
            for receipt in finish_withdrawals(opened):
                print(f"policytwin: finished the withdrawal of {receipt.subject}, which was cut off.", file=sys.stderr)
        except StoreError as wrong:
            print(f"policytwin: a withdrawal is not finished: {wrong}", file=sys.stderr)


def _environment(
    host: str, store: str | Path | None, root: Path, cluster: str | None, read_only: bool, respondents: str
) -> dict[str, str]:
    """What Streamlit's process gets. It works in another folder, so paths are made absolute here."""
    environment = dict(os.environ)
    environment[STORE_VARIABLE] = str(store_path(store))
    environment[RESPONDENTS_VARIABLE] = respondents
    if read_only:
        environment[READ_ONLY_VARIABLE] = "1"
    if cluster is not None:
        environment[CLUSTER_VARIABLE] = cluster
    folder = observed_data()
    if folder is not None:
        environment[DATA_VARIABLE] = str(folder)
    if not only_this_machine(host) and not login_is_configured(root):
        for variables in KEY_VARIABLES.values():
            for variable in variables:
                environment.pop(variable, None)
    return environment


def check_free(host: str, port: int) -> None:
    """InputError where something listens on the port already, or the address is not one of this machine."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as wrong:
        raise InputError(
            f"cannot listen on {host}:{port} ({wrong.strerror or wrong})",
            where="dashboard",
            allowed="a free port (--port) on an address of this machine (--host)",
            nearest=f"--port {port + 1}",
        ) from None

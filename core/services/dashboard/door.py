"""Who can open the dashboard: the names it answers to, and what holds where others than this machine's user can."""

from __future__ import annotations

import ipaddress
import socket
import tomllib
from pathlib import Path

from core.errors import InputError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WARNING = (
    "Anyone who can reach this address can open this dashboard, read what is in its store, and start work on this machine. "
    "Language models are not asked with this machine's keys, unless visitors log in."
)


def only_this_machine(host: str | None) -> bool:
    """Whether a server that listens on `host` can be reached from this machine alone. None, as "", means all addresses."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str, further: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names that a browser may ask for: a page of elsewhere whose name is made to point here is refused.

    Those of this machine for itself, `host` or, where that is all addresses, this machine's name and its address towards
    others, and `further` ones, as those of a proxy. InputError for a name that no browser could ask for.
    """
    for name in further:
        if not name or not all(part.isalnum() or part in "-.:*" for part in name):
            raise InputError(
                f"'{name}' is no host name", where="--allowed-host", allowed="a name such as twin.example.org"
            )
    own: tuple[str, ...] = (host.strip("[]"),)
    if own[0] in ("0.0.0.0", "::", ""):  # noqa: S104 (compared with, not listened on)
        own = (socket.gethostname(), f"{socket.gethostname()}.local", *_own_addresses())
    return tuple(dict.fromkeys([*LOOPBACK, *own, *further]))


def login_is_configured(root: Path) -> bool:
    """Whether Streamlit's secrets name who visitors log in with (a section [auth]); of the user and of the app's folder."""
    for folder in (Path.home(), root):
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if secrets.get("auth"):
            return True
    return False


def _own_addresses() -> list[str]:
    """This machine's addresses towards others. Nothing is sent: a datagram socket only chooses where it would send from."""
    found = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return found

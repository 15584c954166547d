"""Which servers a visitor of the dashboard may have asked, and whether a provider's key is there.

The key of an OpenAI-compatible server goes to whatever address is asked. Who opens the dashboard on the machine that it
runs on owns that key; a visitor of a shared one does not, and may only choose among addresses of this machine and those
that whoever runs the dashboard has listed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.cognition.llm.providers.errors import is_this_machine
from core.cognition.llm.types import ModelSpec
from core.errors import InputError
from core.settings import KEY_VARIABLES, api_key

#: Names the addresses of OpenAI-compatible servers that every visitor may choose, separated by commas.
SERVERS_VARIABLE = "POLICYTWIN_SERVERS"
#: What a proxy adds to a request: with any of these, the browser may be anywhere.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
PROVIDERS = {"gemini": "Google (Gemini)", "openai": "OpenAI"}
EXAMPLE = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True)
class KeyState:
    """Whether a provider's key is there, and what to do about it; never the key."""

    present: bool
    text: str


def key_state(engine: str) -> KeyState:
    """Of the key of an engine's provider (gemini, openai)."""
    first = KEY_VARIABLES[engine][0]
    try:
        present = api_key(engine) is not None
    except InputError as wrong:
        return KeyState(False, str(wrong))
    if present:
        return KeyState(True, f"Key for {PROVIDERS[engine]}: yes. It is never shown, kept or put into a link.")
    return KeyState(
        False,
        f"Key for {PROVIDERS[engine]}: no. Set the environment variable {first} before PolicyTwin is started, or write "
        f'{first} = "…" into the file .streamlit/secrets.toml beside app.py, and reload this page.',
    )


def adopt_servers(secrets: Mapping[str, object]) -> None:
    """Takes the list of servers from Streamlit's secrets, say, where the environment has none."""
    value = secrets.get(SERVERS_VARIABLE)
    if isinstance(value, str) and value.strip():
        os.environ.setdefault(SERVERS_VARIABLE, value.strip())


def listed_servers() -> tuple[str, ...]:
    """The addresses that whoever runs PolicyTwin has listed. InputError, without the address, for what is none."""
    given = os.environ.get(SERVERS_VARIABLE, "")
    return tuple(dict.fromkeys(plain_address(item) for item in given.split(",") if item.strip()))


def plain_address(text: str) -> str:
    """An address without a slash at its end. InputError for anything but scheme, host and path."""
    address = text.strip().rstrip("/")
    ModelSpec("openai", "any", base_url=address)
    return address


def seen_from_here(served_at: str | None, headers: Mapping[str, str]) -> bool:
    """Whether only this machine can open the page: its server listens on a loopback address (`served_at`), the browser
    asked for one, and no proxy stands between."""
    if served_at is None or not is_this_machine(f"http://{_bracketed(served_at)}"):
        return False
    given = {name.lower(): value for name, value in headers.items()}
    if any(name.lower() in given for name in FORWARDED):
        return False
    host = given.get("host")
    return host is None or is_this_machine(f"http://{host}")


def in_links(address: str) -> bool:
    """Whether an address may stand in a link, which somebody else may have written: nobody is led to send a key away."""
    return is_this_machine(address) or address in listed_servers()


def checked_server(text: str, *, from_here: bool) -> str:
    """The address to ask. InputError for one that is none, and for one that a visitor may not choose.

    `from_here` says that only this machine can open the page.
    """
    address = plain_address(text)
    if from_here or in_links(address):
        return address
    raise InputError(
        f"{urlsplit(address).hostname} is not among the servers that may be asked from this dashboard",
        where="server address",
        allowed=f"an address of the machine that PolicyTwin runs on, such as {EXAMPLE}, or one that whoever runs it lists "
        f"in {SERVERS_VARIABLE}",
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host

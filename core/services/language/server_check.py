"""Whether a model server on this machine is there at all: said at once, and not after every question has been tried."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from core.cognition.llm.providers.errors import is_this_machine
from core.errors import InputError
from core.services.studies.requests import ModelOptions

#: Seconds to wait for a server on this machine to take a connection.
PATIENCE = 2.0


def require_server(asking: ModelOptions | None) -> None:
    """InputError where a server on this machine is to be asked and none listens at its address.

    Other addresses are not tried, for the way to them may be a proxy's.
    """
    if asking is None or asking.replays or not asking.base_url or not is_this_machine(asking.base_url):
        return
    parts = urlsplit(asking.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((str(parts.hostname), port), timeout=PATIENCE):
            return
    except OSError:
        raise InputError(
            f"no server answers at {asking.base_url}",
            where="server address",
            allowed="a model server that is running: start it, and try again",
        ) from None

"""Streamlit without its look-ups of this machine's addresses: `python -m pages.common.serve run app.py …`.

Streamlit asks an outside service for the machine's public address when it listens on all addresses, and whenever another
site's page tries to open a session. PolicyTwin fetches nothing that it was not told to, and needs neither answer: the
addresses that may be asked for are given with --server.allowedHosts.
"""

from __future__ import annotations

import sys

from streamlit import net_util
from streamlit.web.cli import main


def _unknown() -> None:
    return None


if __name__ == "__main__":
    net_util.get_external_ip = _unknown
    net_util.get_internal_ip = _unknown
    sys.exit(main())

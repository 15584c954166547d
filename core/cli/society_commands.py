"""The society lab."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, request_of, request_options, show

STRESS_REQUEST = "core.services.society.compat:StressRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    society = commands.add_parser("society", help="the society lab: households that spend, move and post")
    actions = society.add_subparsers(title="actions", metavar="ACTION", required=True)
    stress = command(actions, "stress", _stress, "compare our integer stresses with those of econsimulacra")
    request_options(stress, STRESS_REQUEST, stored=False, workers=0)


def _stress(arguments: argparse.Namespace) -> None:
    from core.services.society.compat import check_stress

    found = check_stress(request_of(arguments, STRESS_REQUEST))
    lines = [f"{found.vectors:,} situations, {found.mismatches:,} with another stress"]
    lines += [f"  [{item.index}] {item.kind}: given {item.given}, ours {item.ours}" for item in found.which]
    show(found.as_dict(), arguments, lambda: "\n".join(lines))

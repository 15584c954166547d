"""People of a study: taken in from a table, or one group of them edited, and kept under a name."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, open_store, request_of, request_options, show

PEOPLE_REQUEST = "core.services.populations.people_files:PeopleRequest"
GROUP_REQUEST = "core.services.populations.people_files:GroupRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    people = commands.add_parser("people", help="people of a study: take them in, or edit a group of them")
    actions = people.add_subparsers(title="actions", metavar="ACTION", required=True)
    taken = command(actions, "import", _import, "take in people of a table, a row each, under a name")
    request_options(taken, PEOPLE_REQUEST, workers=0)
    group = command(actions, "group", _group, "move a trait of a group of people, or set its share, and keep them")
    request_options(group, GROUP_REQUEST, workers=0)


def _import(arguments: argparse.Namespace) -> None:
    from core.services.populations.people_files import keep_people

    with open_store(arguments) as store:
        _show(keep_people(request_of(arguments, PEOPLE_REQUEST), store), arguments)


def _group(arguments: argparse.Namespace) -> None:
    from core.services.populations.people_files import edit_group

    with open_store(arguments) as store:
        _show(edit_group(request_of(arguments, GROUP_REQUEST), store), arguments)


def _show(kept: Any, arguments: argparse.Namespace) -> None:
    show(
        kept.as_dict(), arguments,
        lambda: f"kept as {kept.population}: {kept.personas:,} people, largest error {kept.largest_error:.2f} points; "
        f"policytwin run STUDY --population {kept.population}",
    )  # fmt: skip

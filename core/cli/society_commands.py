"""The society lab."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import command, open_store, request_of, request_options, show, show_result, watch

STRESS_REQUEST = "core.services.society.compat:StressRequest"
SCENE_REQUEST = "core.services.society.communities:SceneRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    society = commands.add_parser("society", help="the society lab: households that spend, move and post")
    actions = society.add_subparsers(title="actions", metavar="ACTION", required=True)
    stress = command(actions, "stress", _stress, "compare our integer stresses with those of econsimulacra")
    request_options(stress, STRESS_REQUEST, stored=False, workers=0)
    scene = command(
        actions, "scene", _scene, "let a community write its threads in many worlds, and change an utterance"
    )
    request_options(scene, SCENE_REQUEST, workers=0)


def _stress(arguments: argparse.Namespace) -> None:
    from core.services.society.compat import check_stress

    found = check_stress(request_of(arguments, STRESS_REQUEST))
    lines = [f"{found.vectors:,} situations, {found.mismatches:,} with another stress"]
    lines += [f"  [{item.index}] {item.kind}: given {item.given}, ours {item.ours}" for item in found.which]
    show(found.as_dict(), arguments, lambda: "\n".join(lines))


def _scene(arguments: argparse.Namespace) -> None:
    from core.report.sentences.communities import scene_document
    from core.services.society.communities import play_scene

    with open_store(arguments) as store:
        found = play_scene(request_of(arguments, SCENE_REQUEST), store, watch())
    show_result(found, arguments, lambda: scene_document(found))

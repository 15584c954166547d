"""The command line: every page action without a browser.

With --json a command prints one JSON object on standard output and nothing else; progress goes to standard error.
Exit codes: 0 done; 2 the user's input is wrong (one line says what was given, where, and what is allowed); 1 a defect.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from core import __version__
from core.cli import (
    data_commands,
    figures_commands,
    llm_commands,
    models_commands,
    people_commands,
    replicate_commands,
    respondents_commands,
    society_commands,
    store_commands,
    study_commands,
    survey_commands,
    upkeep_commands,
    validity_commands,
)
from core.cli.options import Parser, cluster_option, say, store_option
from core.errors import Cancelled, PolicyTwinError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int | None] = arguments.command
        code = command(arguments) or 0
        # What is still buffered would fail only when the interpreter ends, where nobody can answer for it.
        sys.stdout.flush()
        return code
    except Cancelled as stopped:
        say(f"policytwin: {stopped}", aside=True)
        return 130
    except PolicyTwinError as wrong:
        say(f"policytwin: {' '.join(str(wrong).split())}", aside=True)
        return wrong.exit_code
    except KeyboardInterrupt:
        print("policytwin: interrupted; the same command resumes the run", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); point stdout elsewhere so that closing it does not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="policytwin",
        description="Change a policy and see how a calibrated synthetic population would respond, and how sure that is. "
        "Without a command, opens the dashboard.",
    )
    parser.add_argument("--version", action="version", version=f"policytwin {__version__}")
    _dashboard_options(parser)
    parser.set_defaults(command=_dashboard)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    for topic in (
        study_commands,
        validity_commands,
        data_commands,
        store_commands,
        people_commands,
        society_commands,
        respondents_commands,
        upkeep_commands,
        llm_commands,
        models_commands,
        survey_commands,
        replicate_commands,
        figures_commands,
    ):
        topic.add(commands)
    return parser


def _dashboard_options(parser: Parser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME",
        help="a further name that browsers may ask for, as that of a proxy; repeat",
    )  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    parser.add_argument(
        "--read-only",
        action="store_true",
        help="for stakeholders: show what the store has, fit, keep and change nothing",
    )
    parser.add_argument(
        "--respondents", default="off", metavar="off|open",
        help="open: visitors from other machines see counts of groups of real people (default off: none of them)",
    )  # fmt: skip
    cluster_option(parser)
    store_option(parser)


def _dashboard(arguments: argparse.Namespace) -> int:
    from core.services.dashboard.opening import open_dashboard

    return open_dashboard(
        host=arguments.host,
        port=arguments.port,
        browser=not arguments.no_browser,
        store=getattr(arguments, "db", None),
        cluster=arguments.cluster,
        read_only=arguments.read_only,
        respondents=arguments.respondents,
        further_hosts=tuple(arguments.allowed_host),
    )

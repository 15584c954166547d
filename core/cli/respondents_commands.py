"""People who were asked: taken in, read, released, who used them, and withdrawal."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.cli.options import (
    Parser,
    command,
    json_option,
    open_store,
    request_of,
    request_options,
    say,
    show,
    show_result,
    store_option,
)
from core.cli.parsers import day

IMPORT_REQUEST = "core.services.people.importing:ImportRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    respondents = commands.add_parser("respondents", help="people who were asked: import, list, show, shares, export")
    actions = respondents.add_subparsers(title="actions", metavar="ACTION", required=True)
    taken = command(actions, "import", _import, "take in interviews or answers, redacted, with consent")
    request_options(taken, IMPORT_REQUEST, workers=0)
    taken.add_argument("--preview", action="store_true", help="show what would be stored, and store nothing")
    _viewer_options(taken)
    invented = _add(
        actions, "fictional", _fictional, "Meridia's sixty fictional interviews: into the bank, or as files"
    )
    invented.add_argument("--to", type=Path, metavar="DIR", help="write them and their true answers there instead")
    interview = _add(actions, "interview", _interview, "interview a person by a script; a line of input is an answer")
    interview.add_argument("script", nargs="?", default="policy-response", help="a shipped script, or a TOML file")
    interview.add_argument("--basis", default="", metavar="TEXT", help="ground of the consent")
    interview.add_argument("--scope", default="aggregate", metavar="A,B", help="what the person agrees to")
    interview.add_argument("--sensitive", action="store_true", help="sensitive topics too")
    interview.add_argument("--simulated", action="store_true", help="the person is invented, to try a script")
    interview.add_argument("--go-on", metavar="INTERVIEW", help="go on with one that was begun")
    _add(actions, "list", _list, "who is in the bank, without anything that was said")
    shown = _add(actions, "show", _show, "all that the bank has of a person")
    shown.add_argument("subject")
    shares = _add(actions, "shares", _shares, "how people answered a closed question")
    shares.add_argument("item")
    shares.add_argument("--by", metavar="ATTRIBUTE", help="by an attribute of theirs")
    shares.add_argument("--where", action="append", default=[], metavar="NAME=VALUE", help="only those; repeat")
    shares.add_argument("--kind", metavar="KIND", help="real, fictional or rendered people; never together")
    answers = _add(actions, "answers", _answers, "single answers of people who agreed to that")
    answers.add_argument("subject", nargs="*", help="default: everybody who agreed to it")
    export = _add(actions, "export", _export, "write redacted interviews and answers of people who agreed to that")
    export.add_argument("subject", nargs="*", help="default: everybody who agreed to it")
    export.add_argument("--to", type=Path, required=True, metavar="DIR")
    code = _add(actions, "code", _code, "give a person a new code for the log and withdrawal")
    code.add_argument("subject")
    approve = _add(actions, "approve", _approve, "let somebody see single answers, for a purpose")
    approve.add_argument("name")
    approve.add_argument("--until", type=day, required=True, metavar="DATE")

    consent = commands.add_parser("consent", help="what a person agreed to: show, change, withdraw")
    actions = consent.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add(actions, "show", _consent, "what a person agreed to").add_argument("subject")
    grant = _add(actions, "grant", _grant, "a new consent in place of the one before, wider or narrower")
    grant.add_argument("subject")
    grant.add_argument("--scope", required=True, metavar="A,B", help="all that is agreed to")
    grant.add_argument(
        "--at-least", default="reviewed", metavar="TIER", help="lowest tier that may see the person alone"
    )
    grant.add_argument("--basis", required=True, metavar="TEXT")
    grant.add_argument("--until", type=day, metavar="DATE")
    grant.add_argument("--deceased", action="store_true", help="the person has died; a second ground is then needed")
    grant.add_argument("--second-basis", default="", metavar="TEXT")
    withdraw = _add(actions, "withdraw", _withdraw, "take a person out of store, copies and files, for good")
    withdraw.add_argument("subject")
    withdraw.add_argument("--plan", action="store_true", help="say what would go, and change nothing")
    withdraw.add_argument("--code", help="the participant's own code")

    log = commands.add_parser("access-log", help="who used whose words: show, verify")
    actions = log.add_subparsers(title="actions", metavar="ACTION", required=True)
    shown = _add(actions, "show", _log, "the log, or the part about one person")
    shown.add_argument("--subject")
    shown.add_argument("--code", help="the participant's own code")
    verify = _add(actions, "verify", _verify, "whether the log is whole; 2 where it is not")
    verify.add_argument("--last", metavar="HASH", help="a last hash that somebody kept, which must be in it")


def _add(actions: Any, name: str, work: Callable[[argparse.Namespace], int | None], text: str) -> Parser:
    parser = command(actions, name, work, text)
    _viewer_options(parser)
    store_option(parser)
    json_option(parser)
    return parser


def _viewer_options(parser: Parser) -> None:
    parser.add_argument("--viewer", metavar="NAME", help="who looks (default: this machine's user)")
    parser.add_argument(
        "--as", dest="as_tier", metavar="TIER", help="look as open, reviewed or steward (default: steward)"
    )
    parser.add_argument("--purpose", default="", metavar="TEXT", help="what for; it stands in the log")


def _viewer(arguments: argparse.Namespace) -> Any:
    from core.services.people.access import local_viewer

    return local_viewer(arguments.viewer, arguments.as_tier, arguments.purpose)


def _opened(arguments: argparse.Namespace) -> Any:
    """The store, once every withdrawal that was cut off is finished."""
    from core.errors import StoreError
    from core.services.people.withdrawing import finish_withdrawals

    store = open_store(arguments)
    try:
        for receipt in finish_withdrawals(store):
            say(f"Finished the withdrawal of {receipt.subject}, which was cut off.", aside=True)
    except StoreError as wrong:
        say(f"A withdrawal is not finished: {wrong}", aside=True)
    return store


def _import(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import import_document
    from core.services.people.importing import import_people, preview_import

    request = request_of(arguments, IMPORT_REQUEST)
    if arguments.preview:
        report = preview_import(request)
    else:
        with _opened(arguments) as store:
            report = import_people(store, request, _viewer(arguments))
    show_result(report, arguments, lambda: import_document(report))


def _fictional(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import import_document
    from core.services.people.importing import import_fictional

    if arguments.to is not None:
        from core.synthetic.meridia_interviews import write

        files = [str(path) for path in write(arguments.to)]
        show({"files": files}, arguments, lambda: "\n".join(files))
        return
    with _opened(arguments) as store:
        report = import_fictional(store, _viewer(arguments))
    show_result(report, arguments, lambda: import_document(report))


def _interview(arguments: argparse.Namespace) -> None:
    """Questions go to standard error, so that `--json` prints the interview alone."""
    import sys

    from core.report.sentences.respondents import session_document
    from core.respondents.consent import FICTIONAL, REAL
    from core.services.people.interviewing import interview_session, reply, start_interview

    viewer = _viewer(arguments)
    with _opened(arguments) as store:
        if arguments.go_on:
            session = interview_session(store, viewer, arguments.go_on)
        else:
            kind = FICTIONAL if arguments.simulated else REAL
            scope = tuple(part.strip() for part in arguments.scope.split(",") if part.strip())
            basis = arguments.basis or "a simulated person" * arguments.simulated
            session = start_interview(
                store, viewer, arguments.script, scope, basis, kind=kind, sensitive=arguments.sensitive
            )
            say(f"{session.interview}; the person's code for the log and withdrawal: {session.code}", aside=True)
        code = session.code
        say(session.turns[-1].text, aside=True)
        while not session.ended and (line := sys.stdin.readline()):
            if line.strip():
                session = reply(store, viewer, session.interview, line)
                say(session.turns[-1].text, aside=True)
    session = replace(session, code=code)
    show_result(session, arguments, lambda: session_document(session))


def _list(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import bank_document
    from core.services.people.reading import list_people

    with _opened(arguments) as store:
        found = list_people(store, _viewer(arguments))
    show_result(found, arguments, lambda: bank_document(found))


def _show(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import person_document
    from core.services.people.reading import show_person

    with _opened(arguments) as store:
        found = show_person(store, _viewer(arguments), arguments.subject)
    show_result(found, arguments, lambda: person_document(found))


def _shares(arguments: argparse.Namespace) -> None:
    from core.errors import InputError
    from core.report.sentences.respondents import shares_document
    from core.services.people.reading import shares

    where = {}
    for text in arguments.where:
        name, pair, value = text.partition("=")
        if not pair:
            raise InputError(f"'{text}' names nobody", where="--where", allowed="NAME=VALUE")
        where[name.strip()] = value.strip()
    with _opened(arguments) as store:
        found = shares(store, _viewer(arguments), arguments.item, arguments.by, where, arguments.kind)
    show_result(found, arguments, lambda: shares_document(found))


def _answers(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import answers_document
    from core.services.people.reading import read_answers

    with _opened(arguments) as store:
        found = read_answers(store, _viewer(arguments), arguments.subject or None)
    show_result(found, arguments, lambda: answers_document(found))


def _export(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import export_document
    from core.services.people.exporting import export_people

    with _opened(arguments) as store:
        done = export_people(store, _viewer(arguments), arguments.to, arguments.subject or None)
    show_result(done, arguments, lambda: export_document(done))


def _code(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import code_document
    from core.services.people.consents import renew_code

    with _opened(arguments) as store:
        done = renew_code(store, _viewer(arguments), arguments.subject)
    show_result(done, arguments, lambda: code_document(done))


def _approve(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import approval_document
    from core.services.people.consents import approve

    with _opened(arguments) as store:
        viewer = _viewer(arguments)
        done = approve(store, viewer, arguments.name, arguments.purpose, arguments.until)
    show_result(done, arguments, lambda: approval_document(done))


def _consent(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import consent_document
    from core.services.people.consents import show_consent

    with _opened(arguments) as store:
        found = show_consent(store, _viewer(arguments), arguments.subject)
    show_result(found, arguments, lambda: consent_document(found))


def _grant(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import consent_document
    from core.services.people.consents import grant_consent

    scope = tuple(part.strip() for part in arguments.scope.split(",") if part.strip())
    with _opened(arguments) as store:
        done = grant_consent(
            store, _viewer(arguments), arguments.subject, scope, arguments.at_least, arguments.basis,
            until=arguments.until, deceased=arguments.deceased, second_basis=arguments.second_basis,
        )  # fmt: skip
    show_result(done, arguments, lambda: consent_document(done))


def _withdraw(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import plan_document, receipt_document
    from core.services.people.withdrawing import plan_withdrawal, receipt_of, withdraw

    with open_store(arguments) as store:
        if arguments.plan:
            plan = plan_withdrawal(store, _viewer(arguments), arguments.subject, arguments.code)
        else:
            withdraw(store, _viewer(arguments), arguments.subject, arguments.code)
            receipt = receipt_of(store, arguments.subject)
    if arguments.plan:
        show_result(plan, arguments, lambda: plan_document(plan))
    else:
        show_result(receipt, arguments, lambda: receipt_document(receipt))


def _log(arguments: argparse.Namespace) -> None:
    from core.report.sentences.respondents import log_document
    from core.services.people.reading import access_log

    with _opened(arguments) as store:
        found = access_log(store, _viewer(arguments), arguments.subject, arguments.code)
    show_result(found, arguments, lambda: log_document(found))


def _verify(arguments: argparse.Namespace) -> int:
    from core.report.sentences.respondents import log_check_document
    from core.services.people.reading import check_log

    with _opened(arguments) as store:
        found = check_log(store, arguments.last)
    show_result(found, arguments, lambda: log_check_document(found))
    return 0 if found.sound else 2

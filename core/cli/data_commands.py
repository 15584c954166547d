"""Files of observations and policies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.options import command, json_option, open_store, request_of, request_options, say, show, show_result
from core.errors import InputError

if TYPE_CHECKING:
    from core.services.studies.own import AddedStudy

ADD_REQUEST = "core.services.studies.own:AddStudyRequest"
COUNTRY_REQUEST = "core.services.studies.countries:CountryStudyRequest"
TABLES_REQUEST = "core.services.studies.tables:TablesRequest"
OWN_REQUEST = "core.services.studies.own:OwnStudiesRequest"
NEWER_REQUEST = "core.services.studies.newer:NewerRequest"
DELETE_REQUEST = "core.services.studies.own:DeleteStudyRequest"
SKELETON_REQUEST = "core.services.studies.skeleton:SkeletonRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    stringency = command(commands, "stringency", _stringency, "recompute the policy indices of a file")
    stringency.add_argument("file", type=Path)
    json_option(stringency)

    data = commands.add_parser("data", help="fetch or check files of observations")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = command(actions, "check", _data_check, "say what a file holds")
    check.add_argument("file", type=Path, nargs="*")
    check.add_argument("--study", metavar="STUDY", help="the files of a study, place by place, instead")
    check.add_argument("--data", type=Path, metavar="DIR", help="folder of the study's observations")
    json_option(check)
    study = commands.add_parser("study", help="begin a study of your own")
    begun = study.add_subparsers(title="actions", metavar="ACTION", required=True)
    began = command(begun, "new", _study_new, "write a commented study from the columns of a panel file")
    request_options(began, SKELETON_REQUEST, stored=False, workers=0)
    added = command(begun, "add", _study_add, "take a study and its tables in, so that it is on offer by its name")
    request_options(added, ADD_REQUEST, stored=False, workers=0)
    country = command(
        begun, "country", _study_country, "a study of one country of the loaded tables, on offer by its name"
    )
    request_options(country, COUNTRY_REQUEST, stored=False, workers=0)
    tables = command(
        begun, "tables", _study_tables, "a study of tables of your own, on offer by its name once they are right"
    )
    request_options(tables, TABLES_REQUEST, stored=False, workers=0)
    newer = command(
        begun, "refresh", _study_refresh, "take in newer tables of a study; its last forecast is kept beside them"
    )
    request_options(newer, NEWER_REQUEST, workers=0)
    listed = command(begun, "list", _study_list, "your own studies")
    request_options(listed, OWN_REQUEST, stored=False, workers=0)
    deleted = command(begun, "delete", _study_delete, "delete one of your own studies; its runs stay")
    request_options(deleted, DELETE_REQUEST, stored=False, workers=0)
    fetch = command(actions, "fetch", _data_fetch, "get the UAE case from the providers' public addresses")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="default: PolicyTwin's user data folder")
    json_option(fetch)


def _study_refresh(arguments: argparse.Namespace) -> None:
    from core.report.sentences.projections import newer_sentence
    from core.services.counterfactuals.newer import refresh
    from core.study import load_study

    with open_store(arguments) as store:
        found = refresh(request_of(arguments, NEWER_REQUEST), store)
    show(found.as_dict(), arguments, lambda: newer_sentence(found, load_study(found.tables.study)))


def _study_add(arguments: argparse.Namespace) -> None:
    from core.services.studies.own import add_study

    _show_added(add_study(request_of(arguments, ADD_REQUEST)), arguments)


def _show_added(result: AddedStudy, arguments: argparse.Namespace, note: str = "") -> None:
    said = f"{result.study} is on offer: policytwin run {result.study}, and in the dashboard. Kept in {result.folder}."
    show(result.as_dict(), arguments, lambda: f"{said} {note}".strip())


def _study_country(arguments: argparse.Namespace) -> None:
    from core.report.sentences.skeletons import STAND_IN
    from core.services.studies.countries import country_study

    _show_added(country_study(request_of(arguments, COUNTRY_REQUEST)), arguments, STAND_IN)


def _study_tables(arguments: argparse.Namespace) -> None:
    from core.report.sentences.skeletons import STAND_IN
    from core.services.studies.tables import study_of_tables

    _show_added(study_of_tables(request_of(arguments, TABLES_REQUEST)), arguments, STAND_IN)


def _study_list(arguments: argparse.Namespace) -> None:
    from core.services.studies.own import own_titles

    found = own_titles(request_of(arguments, OWN_REQUEST))
    lines = [f"{name}: {said}" for name, said in found.studies.items()]
    show(found.as_dict(), arguments, lambda: "\n".join(lines) or "no studies of your own")


def _study_delete(arguments: argparse.Namespace) -> None:
    from core.services.studies.own import delete_study

    result = delete_study(request_of(arguments, DELETE_REQUEST))
    said = (
        "is deleted; runs of it stay in the store" if result.deleted else "would be deleted, with its tables: add --yes"
    )
    show(result.as_dict(), arguments, lambda: f"{result.study} ({result.folder}) {said}.")


def _study_new(arguments: argparse.Namespace) -> None:
    from core.report.sentences.skeletons import skeleton_document
    from core.services.studies.skeleton import new_study

    request = request_of(arguments, SKELETON_REQUEST)
    result = new_study(request)
    show_result(result, arguments, lambda: skeleton_document(result, str(request.file.parent)))


def _stringency(arguments: argparse.Namespace) -> None:
    from core.report.sentences.policies import stringency_document
    from core.services.studies.observations import stringency_report

    found = stringency_report(arguments.file)
    show_result(found, arguments, lambda: stringency_document(found))


def _data_check(arguments: argparse.Namespace) -> int:
    if arguments.study is not None:
        return _study_check(arguments)
    from core.datasets.checks import check_file

    if not arguments.file:
        raise InputError("no file is named", where="data check", allowed="one or more files, or --study STUDY")
    reports = [check_file(path) for path in arguments.file]
    many = [report.as_dict() for report in reports]
    show(many[0] if len(many) == 1 else {"files": many}, arguments, lambda: "\n\n".join(r.as_text() for r in reports))
    return 2 if any(report.problems for report in reports) else 0


def _study_check(arguments: argparse.Namespace) -> int:
    from core.report.sentences.study_checks import check_document
    from core.services.studies.checks import check_study

    found = check_study(arguments.study, arguments.data)
    show_result(found, arguments, lambda: check_document(found))
    return 0 if found.places else 2


def _data_fetch(arguments: argparse.Namespace) -> None:
    from core.services.studies.observations import fetch_observations

    found = fetch_observations(arguments.to, lambda text: say(text, aside=True))
    values = {"folder": str(found.folder), "files": sorted(found.files), "downloaded": found.downloaded}
    show(values, arguments, lambda: f"fetched {len(found.files)} files into {found.folder}")

"""The user's own studies: a file and the tables it names, taken into PolicyTwin's folder, so that they are on offer by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.datasets.observed import source_files
from core.errors import InputError, one_of
from core.files_out import written_together
from core.options import option
from core.result import Result
from core.services.studies.checks import check_study
from core.services.studies.inputs import StudyListing, list_studies
from core.settings import shipped_data, user_studies
from core.store.database import Store
from core.study import available_studies, load_study, own_studies
from core.study.definition import AT


@dataclass(frozen=True)
class AddStudyRequest:
    """A study file to take in, with its tables in `data` (None: beside it)."""

    file: Path = option("a study file (TOML)", positional=True, word="STUDY.toml")
    data: Path | None = option("folder of its tables (default: that of the file)", None, word="DIR")


@dataclass(frozen=True, kw_only=True)
class AddedStudy(Result):
    """The study's id, by which it is on offer now, the folder it is kept in, and how many places of it can be used."""

    study: str
    folder: str
    places: int


def add_study(request: AddStudyRequest) -> AddedStudy:
    """Copy a study and all that it names into the folder of the user's studies, in place of an earlier one of its id.

    InputError for what cannot be read, for the id of a shipped study, and for a file that it names outside of its own folder.
    """
    file, data = request.file, request.data or request.file.parent
    study = load_study(file)
    if study.id in available_studies():
        raise InputError(
            f"is '{study.id}', the id of a shipped study",
            where=f"{file}, id",
            allowed="an id of its own",
            nearest=f"my-{study.id}",
        )
    checked = check_study(str(file), data)
    if not checked.places:
        raise InputError(
            "has no place that can be used",
            where=str(file),
            allowed=next(iter(checked.left_out.values()), "one or more"),
        )
    base, shipped = file.resolve().parent, shipped_data().resolve()
    parts = [study.coefficients_file, study.population_file, *([] if study.learned is None else [study.learned])]
    named = [path.resolve() for path in parts if not path.resolve().is_relative_to(shipped)]
    for path in named:
        if not path.is_relative_to(base):
            raise InputError(f"names {path}", where=str(file), allowed=f"files in its own folder, {base}")
    tables = {} if study.places is None else {study.places.file: data / study.places.file}
    for kind in study.sources:
        with suppress(InputError):  # a kind whose files are not there is no part of what was checked
            tables |= {str(path.relative_to(data)): path for path in source_files(study, kind, data)[1]}
    folder = user_studies() / study.id
    with written_together(folder, "a study", lambda there: (there / f"{study.id}.toml").is_file()) as stage:
        shutil.copy(file, stage / f"{study.id}.toml")
        for source, to in [
            *((path, path.relative_to(base)) for path in named),
            *((path, Path(name)) for name, path in tables.items()),
        ]:
            target = stage / to
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        load_study(stage / f"{study.id}.toml")
    return AddedStudy(study=study.id, folder=str(folder), places=checked.places)


@contextmanager
def unplaced(folder: Path) -> Iterator[None]:
    """Names files of ours that are there for a moment without their folder, in what is wrong with them."""
    try:
        yield
    except InputError as wrong:
        where = None if wrong.where is None else wrong.where.replace(f"{folder}{os.sep}", "")
        raise InputError(wrong.problem, where=where, allowed=wrong.allowed, nearest=wrong.nearest) from None


@dataclass(frozen=True)
class OwnStudiesRequest:
    """The user's own studies."""


@dataclass(frozen=True, kw_only=True)
class OwnStudies(Result):
    """The user's own studies by id: what each is called, or what is wrong with its file."""

    studies: Mapping[str, str]


@dataclass(frozen=True)
class DeleteStudyRequest:
    """One of the user's own studies to delete, with its tables."""

    id: str = option("one of your own studies", positional=True, word="STUDY")
    yes: bool = option("delete it; without this, what would be deleted is said", False)


@dataclass(frozen=True, kw_only=True)
class DeletedStudy(Result):
    """The study's id, the folder that it had, and whether it is gone (else it would be, with --yes)."""

    study: str
    folder: str
    deleted: bool


def own_listings() -> list[StudyListing]:
    """The user's own studies, those that were spoiled by hand included."""
    own = own_studies()
    return [item for item in list_studies() if item.id in own]


def own_titles(request: OwnStudiesRequest) -> OwnStudies:
    """What there is to run and to delete."""
    return OwnStudies(studies={item.id: item.title if item.ready else item.missing for item in own_listings()})


def delete_study(request: DeleteStudyRequest) -> DeletedStudy:
    """Remove a study and its tables; runs of it stay in their stores. InputError for one that is not the user's own, and where
    its folder cannot be removed."""
    own = own_studies()
    folder = own[one_of(request.id, list(own), what="study of your own")].parent
    if request.yes:
        try:
            shutil.rmtree(folder)
        except OSError as wrong:
            raise InputError(
                f"cannot be removed ({wrong.strerror or wrong})", where=str(folder), allowed="a folder that is yours"
            ) from None
    return DeletedStudy(study=request.id, folder=str(folder), deleted=request.yes)


def runs_of(store: Store, study: str) -> int:
    """How many runs of this study, and of places of it, are in the store."""
    ids = store.runs()["study_id"].astype(str)
    return int(((ids == study) | ids.str.startswith(f"{study}{AT}")).sum())

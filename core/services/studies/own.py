"""The user's own studies: a file and the tables it names, taken into PolicyTwin's folder, so that they are on offer by name."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.datasets.observed import source_files
from core.errors import InputError
from core.files_out import written_together
from core.options import option
from core.result import Result
from core.services.studies.checks import check_study
from core.settings import shipped_data, user_studies
from core.study import available_studies, load_study


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

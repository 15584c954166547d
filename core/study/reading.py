"""Reading studies and codebooks from their files.

A study file may name another with `extends`; its own keys win. Files that a study names (population, coefficients, what
was learned) are looked up beside the file that names them, then among the shipped data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import InputError, one_of
from core.inputs.checking import checked
from core.inputs.files import Layer, Written, named_file, read_with_parents, read_written
from core.settings import shipped_data, user_studies
from core.study.definition import (
    AT,
    PANEL,
    Behaviour,
    CalendarSpec,
    ContextVariable,
    ExampleQuestion,
    ForecastChoices,
    HoldOut,
    NamedDay,
    PlaceTable,
    RegionKey,
    Source,
    Study,
    StudyWords,
    TargetShares,
    WorkingWeek,
)
from core.study.levers import Amount, Codebook, EffectDynamics, Indicator
from core.study.steps import MONTHS, Step, parse_period
from core.study.written import WrittenCalendar, WrittenSource, WrittenStudy
from core.study.written_levers import WrittenCodebook, WrittenContext, WrittenIndicator

#: The index of a study whose levers name none: the mean of them all.
ALL_LEVERS = "PolicyIndex"
#: Steps from no measure to one in full, where an amount's `notch` is not given.
NOTCHES = 10
#: The keys of a study that name files: (table, key, whether it is a folder).
_FILES = (
    ("population", "file", False),
    ("engine", "coefficients", False),
    ("forecast", "learned", True),
    ("known_effects", "file", False),
)


def available_studies() -> tuple[str, ...]:
    """The ids of the studies that ship with PolicyTwin."""
    return tuple(sorted(path.stem for path in (shipped_data() / "studies").glob("*.toml")))


def own_studies() -> dict[str, Path]:
    """The files of the user's own studies (`policytwin study add`) by id; their tables lie beside them."""
    found = sorted(user_studies().glob("*/*.toml"))
    return {path.stem: path for path in found if path.stem == path.parent.name and path.stem not in available_studies()}


def load_codebook(path: Path | None = None) -> Codebook:
    """The codebook of the OxCGRT tracker (shipped), or the one at `path`."""
    path = path or shipped_data() / "codebooks" / "oxcgrt.toml"
    return _codebook(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=8)
def _codebook(path: Path, _changed: int) -> Codebook:
    book = checked(WrittenCodebook, read_written(path), str(path))
    return Codebook.of([_indicator(item) for item in book.indicators], book.source)


def _indicator(said: WrittenIndicator) -> Indicator:
    amount = None
    if said.unit is not None:
        assert said.reference is not None and said.limit is not None
        notch = said.notch or abs(said.limit - said.reference) / NOTCHES
        amount = Amount(said.unit, *said.bounds, said.reference, said.limit, said.link, notch, said.added_to)
    return Indicator(
        code=said.code,
        name=said.name,
        maximum=said.maximum or 0,
        has_flag=said.flag,
        flag_meaning=said.flag_meaning,
        levels=tuple(said.levels or ()),
        indices=tuple(said.indices),
        amount=amount,
        shares=tuple(said.shares or ()),
        weight=said.weight,
    )


def _own_codebook(said: WrittenStudy) -> Codebook | None:
    """The codebook of the study's own levers; without indices of theirs, all of them make one."""
    levers = [_indicator(item) for item in said.levers]
    if levers and not any(item.indices for item in levers):
        levers = [replace(item, indices=(ALL_LEVERS,)) for item in levers]
    return Codebook.of(levers, said.citation) if levers else None


def codebook_of(study: Study) -> Codebook:
    """The codebook whose levers a study sets: its own, or that of the OxCGRT tracker."""
    return study.codebook or load_codebook()


def load_study(name: str | Path) -> Study:
    """The study with this id among those shipped, or the one in this TOML file. InputError as `read_study` raises it."""
    return read_study(name)[0]


def read_study(name: str | Path) -> tuple[Study, dict[str, Any]]:
    """A study, and what its file says with what it extends filled in: the whole of it, as TOML's own types.

    InputError where the file is wrong, where a file that it names is not there, and where its id is that of a shipped
    study that says something else: the results of the two would be taken for one another.
    """
    text, place = _with_place(str(name))
    path = Path(text)
    if path.suffix.lower() != ".toml":
        own = own_studies()
        one_of(text, (*available_studies(), *own), what="study")
        path = own.get(text) or shipped_data() / "studies" / f"{text}.toml"
    written = read_with_parents(path, shipped_data() / "studies")
    if place is not None:
        written = Written({**written.raw, "of_place": place}, written.layers)
    study = _study(written)
    if path.parent != shipped_data() / "studies":
        _check_own_id(study, written)
    return study, written.raw


def _with_place(name: str) -> tuple[str, str | None]:
    """A study as it is named, and the place of its panel that is meant (`NAME@PLACE`)."""
    before, at, place = name.rpartition(AT)
    named = before.lower().endswith(".toml") or not {"/", "\\"} & set(name)
    return (before, place) if at and before and place and named else (name, None)


def study_from(given: Mapping[str, Any], path: Path) -> Study:
    """The study that `read_study` gave, from what its file said; `path` is where that came from, for what is wrong with it.

    Days may be ISO text. The files that it names need not be there any more.
    """
    return _study(Written(dict(given), (Layer(path, given),)), files_are_here=False)


def _study(written: Written, *, files_are_here: bool = True) -> Study:
    def origin(location: Sequence[str | int]) -> str:
        return str(written.origin(location))

    said = checked(WrittenStudy, written.raw, str(written.layers[0].path), origin=origin)
    own = _own_codebook(said)
    codebook = own or load_codebook()
    codes = [item.code for item in codebook.indicators]
    signed = [code for item in said.behaviours for code in item.signs]
    named = {"indicators": said.indicators, "sweep": said.sweep.order, "effects": said.effects, "behaviours": signed}
    for key, given in named.items():
        for code in given:
            one_of(code, codes, what="policy indicator", where=f"{origin([key])}, {key}")
    index = one_of(said.index or ALL_LEVERS, codebook.indices, what="policy index", where=f"{origin(['index'])}, index")
    population, coefficients, learned, known_effects = (
        _named(written, *place, required=files_are_here) for place in _FILES
    )
    assert population is not None and coefficients is not None
    sources = {kind: getattr(said.sources, kind) for kind in type(said.sources).model_fields}
    if said.of_place is not None and not any(item.layout == PANEL for item in _given(sources)):
        raise InputError(
            f"is asked about {said.of_place}, and is of one place",
            where=f"study {said.id}",
            allowed=f"a study whose sources have the layout {PANEL}",
        )
    return Study(
        id=said.id if said.of_place is None else f"{said.id}{AT}{said.of_place}",
        title=said.title if said.of_place is None else f"{said.title}: {said.of_place}",
        place=said.of_place or said.place,
        summary=said.summary,
        fictional=said.fictional,
        start=said.step.first_day(said.start),
        end=said.step.first_day(said.end),
        train_end=said.step.first_day(said.train_end),
        baseline_start=said.step.first_day(said.measurement.baseline_start),
        baseline_end=said.step.first_day(said.measurement.baseline_end),
        metric=said.measurement.kind,
        own_level=said.measurement.own_level,
        log_errors=said.measurement.errors == "log",
        fatigue=own is None if said.engine.fatigue is None else said.engine.fatigue,
        metric_unit=said.measurement.unit,
        behaviours=tuple(
            Behaviour(**{**item.model_dump(), "signs": tuple(item.signs.items())}) for item in said.behaviours
        ),
        indicators=tuple(codebook.indicator(code) for code in said.indicators or codes),
        index=index,
        calendar=_calendar(said.calendar, said.step),
        sources={kind: _source(item, said.of_place) for kind, item in sources.items() if item is not None},
        shipped=said.shipped,
        population_file=population,
        personas=said.population.personas,
        coefficients_file=coefficients,
        learned=learned,
        known_effects=known_effects,
        hold_outs=tuple(
            HoldOut(item.name, tuple(map(said.step.first_day, item.origins)), tuple(item.horizons))
            for item in said.hold_outs
        ),
        latitude=said.latitude,
        epidemic_thresholds=tuple(said.engine.epidemic_thresholds),
        inhabitants=said.population.inhabitants,
        counted=said.population.counted,
        sweep_order=tuple(said.sweep.order),
        citation=said.citation,
        regions=None if said.regions is None else RegionKey(said.regions.attribute, dict(said.regions.categories)),
        code=said.code,
        codebook=own,
        words=_words(said, origin),
        places=_places(said),
        forecast=ForecastChoices(**said.forecast.model_dump(exclude={"learned"})),
        shares=tuple(TargetShares(of, tuple(item.items())) for of, item in said.population.shares.items()),
        questions=tuple(ExampleQuestion(item.text, tuple(item.edits)) for item in said.questions),
        context=tuple(_context(item, said.step) for item in said.context),
        dynamics=tuple(EffectDynamics(code, **item.model_dump()) for code, item in said.effects.items()),
    )


def _check_own_id(study: Study, written: Written) -> None:
    """InputError where a file takes the id of a shipped study and is not that study.

    With other people it is: they have an id and a hash of their own in every run, as those have that were edited on a page.
    """
    for name in available_studies():
        if study.id.casefold() != name.casefold():
            continue
        shipped = load_study(name)
        told = [
            item.name
            for item in fields(Study)
            if item.name != "population_file" and not item.metadata.get("changes_no_result")
        ]
        other = [key for key in told if getattr(study, key) != getattr(shipped, key)]
        if other:
            raise InputError(
                f"is '{study.id}', the id of a shipped study, from which this one differs ({', '.join(other[:3])})",
                where=f"{written.layers[0].path}, id",
                allowed="an id of its own, so that the results of the two are kept apart",
                nearest=f"my-{name}",
            )


def _named(written: Written, table: str, key: str, folder: bool, *, required: bool) -> Path | None:
    """The file that a key of the study names, or None where the key is left out."""
    given = written.raw.get(table, {}).get(key)
    if given is None:
        return None
    file = written.origin([table, key])
    try:
        return named_file(given, file.parent, shipped_data(), key=f"{table}, {key}", where=str(file), folder=folder)
    except InputError:
        if required:
            raise
        return shipped_data() / given


def _places(said: WrittenStudy) -> PlaceTable | None:
    if said.places is None:
        return None
    shares = tuple((of, tuple(columns.items())) for of, columns in said.places.shares.items())
    return PlaceTable(said.places.file, said.places.weight, shares, said.places.unit)


def _words(said: WrittenStudy, origin: Callable[[Sequence[str | int]], str]) -> StudyWords:
    units = [item.unit for item in said.behaviours]
    for unit in said.words.answers:
        one_of(unit, units, what="unit of a behaviour", where=f"{origin(['words'])}, words, answers")
    return StudyWords(dict(said.words.kinds), {unit: item.model_dump() for unit, item in said.words.answers.items()})


def _context(said: WrittenContext, step: Step) -> ContextVariable:
    told = {parse_period(period): day for period, day in said.announced.items()}
    announced = tuple(sorted((step.first_day(first), day) for first, day in told.items() if first is not None))
    return ContextVariable(
        said.code, said.name, said.column, tuple(said.thresholds), tuple(said.words), said.known == "ahead", announced,
        said.source,
    )  # fmt: skip


def _given(sources: Mapping[str, WrittenSource | None]) -> list[WrittenSource]:
    return [item for item in sources.values() if item is not None]


def _source(said: WrittenSource, of_place: str | None) -> Source:
    place = said.place if of_place is None else of_place
    others = tuple(Source(item.file, item.layout, item.place or place) for item in said.alternatives)
    return Source(said.file, said.layout, place, others, said.carried)


def _calendar(said: WrittenCalendar, step: Step) -> CalendarSpec:
    weeks = (
        WorkingWeek(
            start=item.start,
            rest_days=tuple(item.rest_days),
            weekend_days=tuple(item.weekend_days),
            half_days=tuple(item.half_days),
            announced=item.announced or item.start,
        )
        for item in said.working_weeks
    )
    return CalendarSpec(
        country=said.country,
        working_weeks=tuple(sorted(weeks, key=lambda week: week.start)),
        holidays=tuple(NamedDay(item.day, item.name, item.announced or item.day) for item in said.holidays),
        not_holidays=tuple(said.not_holidays),
        ramadan=said.ramadan,
        step=step,
        kinds=_kinds(said, step),
    )


def _kinds(said: WrittenCalendar, step: Step) -> tuple[str, ...]:
    """The kind of each month of the year: as the file says, else its own name, or all alike where a period is a year."""
    if step in (Step.DAY, Step.YEAR):
        return () if step is Step.DAY else ("year",)
    of_month = {month: item.name for item in said.kinds for month in item.months}
    return tuple(of_month.get(number, name) for number, name in enumerate(MONTHS, start=1))

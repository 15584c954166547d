"""How each kind of run is made again. A language model is asked nothing: its answers are replayed from the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from core.cognition.registry import REPLAY, asks_model
from core.policy.timeline import PolicyTimeline
from core.records import content_hash
from core.services.audits.confounding import confounding_audit
from core.services.audits.groups import group_checks
from core.services.audits.persona_audit import audit_personas
from core.services.audits.requests import ConfoundingRequest, PersonaAuditRequest
from core.services.audits.results import AUDIT
from core.services.counterfactuals.projections import look_ahead, projected
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.backtest_files import measure_backtest
from core.services.evaluation.backtests import file_hash
from core.services.evaluation.donors import donors_again
from core.services.evaluation.kept_replications import replicated_again
from core.services.evaluation.known_effects import KnownEffectsRequest, known_effects
from core.services.evaluation.known_worlds import known_worlds
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import BacktestRequest, PanelBacktestRequest, WorldsRequest
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.language.engines import asking_of
from core.services.library.rerun_basis import Again, Unavailable, check_prompts, inputs_of_run
from core.services.policies.timelines import load_timeline
from core.services.populations.synthesis import load_population
from core.services.runs.fits import request_of
from core.services.runs.fitted import fitted_twin
from core.services.runs.forecasters import forget_rivals
from core.services.runs.results import RunResult
from core.services.runs.run import run_study
from core.services.society.kept import MEASUREMENTS, measured_again
from core.services.society.run import society_again
from core.services.studies.changes import input_changes
from core.services.studies.inputs import StudyInputs, study_hash
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import stored_regions, stored_text
from core.services.surveys.ask import ask_people
from core.services.surveys.correct import corrected_again
from core.services.surveys.example import EXAMPLE
from core.services.surveys.kept_calibrations import measured, request_again
from core.services.surveys.requests import asked_with
from core.settings import observed_data
from core.study import Study, load_study, study_from
from core.study.steps import parse_period
from core.survey.mapping import AnswerMapping
from core.survey.prompts import SURVEY_PROMPTS
from core.survey.questions import SurveyQuestion


def _run(again: Again) -> str:
    inputs, record = inputs_of_run(again), again.record
    request = request_of(record)
    if asks_model(record.engine):
        check_prompts(again)
        own = asking_of(record)
        usage = RunResult.of(again.run).asking
        failed = usage is not None and usage.failed > 0
        request = replace(
            request, engine=REPLAY,
            asking=replace(own, engine=REPLAY, of=own.of or own.engine, allow_failures=failed),
        )  # fmt: skip
    forget_rivals()  # what is remembered is not made again
    return run_study(request, again.scratch, again.watch, again.executor, inputs).result_hash


def _sweep(again: Again) -> str:
    result, _ = run_sweep(
        again.scratch,
        again.about.run_id,
        again.parameters["levels"],
        lever=again.parameters.get("lever"),
        **_contrast(again),
    )
    return _hash_of(again, result.run_id)


def _compare(again: Again) -> str:
    given = _contrast(again)
    study = given["twin"].problem.study
    wanted = again.parameters["reference"]
    reference = None if wanted == again.about.record.timeline_id else _timeline(again, study, wanted)
    scenarios = [_timeline(again, study, name) for name in again.parameters["scenarios"]]
    result, _ = run_compare(again.scratch, again.about.run_id, scenarios, reference=reference, **given)
    return _hash_of(again, result.run_id)


def _projection(again: Again) -> str:
    inputs = inputs_of_run(again)
    check_prompts(again)
    until = date.fromisoformat(again.parameters["until"])
    ahead = look_ahead(again.scratch, again.about.run_id, inputs, until, again.executor, again.watch)
    scenarios = [_timeline(again, inputs.study, name) for name in again.parameters["scenarios"]]
    return projected(ahead, again.scratch, scenarios).result_hash


def _contrast(again: Again) -> dict[str, Any]:
    inputs = inputs_of_run(again)
    check_prompts(again)
    identifier = again.record.population_id
    edited = identifier is not None and identifier != again.about.record.population_id
    return {
        "start": date.fromisoformat(again.parameters["start"]),
        "end": date.fromisoformat(again.parameters["end"]),
        "twin": fitted_twin(again.scratch, again.about.run_id, inputs=inputs, executor=again.executor),
        "population": load_population(again.scratch, str(identifier)) if edited else None,
        "watch": again.watch,
        "executor": again.executor,
    }


def _timeline(again: Again, study: Study, identifier: str) -> PolicyTimeline:
    kept = stored_text(again.store, identifier)
    return load_timeline(again.store, study, identifier) if kept is None else PolicyTimeline.from_dict(kept, study)


def _sensitivity(again: Again) -> str:
    result = run_sensitivity(
        again.scratch, again.about.run_id, watch=again.watch, executor=again.executor, inputs=inputs_of_run(again)
    )
    return _hash_of(again, result.run_id)


def _ablations(again: Again) -> str:
    result = run_ablations(
        again.scratch, again.about.run_id, only=again.parameters.get("only"), watch=again.watch,
        executor=again.executor, inputs=inputs_of_run(again),
    )  # fmt: skip
    return _hash_of(again, result.run_id)


def _groups(again: Again) -> str:
    seen = stored_regions(again.store, again.record)
    if seen is None and "regions" in again.record.input_hashes:
        again.notes.append("The store does not hold its observations of regions: they were read from their files.")
    # A run that had none is given an empty folder, whatever lies in the usual one by now.
    none = again.folder if "regions" not in again.record.input_hashes else again.data
    result = group_checks(
        again.scratch, again.about.run_id, none,
        origins=[date.fromisoformat(day) for day in again.parameters["origins"]] or None,
        horizons=again.parameters["horizons"], watch=again.watch, executor=again.executor, inputs=inputs_of_run(again),
        regions_seen=seen,
    )  # fmt: skip
    return _hash_of(again, result.run_id)


def _worlds(again: Again) -> str:
    worlds, seeds, trials = (again.parameters[name] for name in ("worlds", "seeds", "trials"))
    request = WorldsRequest(tuple(worlds), seeds, again.record.personas, trials)
    result = known_worlds(request, again.scratch, watch=again.watch, executor=again.executor)
    now = again.scratch.run(result.run_id).record
    again.changes += input_changes(again.record.input_hashes, now.input_hashes)
    return str(now.result_hash)


def _backtest(again: Again) -> str:
    record, parameters = again.record, again.parameters
    folder = observed_data(again.data)
    names = parameters.get("files") or {}
    files = {
        name: _file_of(folder, names.get(name), key)
        for name, key in record.input_hashes.items()
        if name in ("mobility", "policy", "cases")
    }
    lacking = [
        f"{names.get(name, name)} ({record.input_hashes[name][:10]}…)" for name, file in files.items() if file is None
    ]
    if lacking:
        raise Unavailable(
            f"reads files of others, which are not kept; not found by their content: {', '.join(lacking)}",
            where=f"run {again.run.run_id}",
            allowed="their folder, with --data",
        )
    request = BacktestRequest(
        **files,  # type: ignore[arg-type]
        origins=tuple(map(date.fromisoformat, parameters["origins"])), horizons=tuple(parameters["horizons"]),
        countries=tuple(parameters["countries"]) or None, seed=record.seed,
    )  # fmt: skip
    return content_hash(measure_backtest(request, again.watch, again.executor).rows)


def _panel_backtest(again: Again) -> str:
    record, parameters = again.record, again.parameters
    pooled = "pool_mobility" in record.input_hashes
    if pooled or again.data is None:
        lacking = "two folders of tables" if pooled else "tables of the user's own"
        raise Unavailable(
            f"reads {lacking}, which are not kept", where=f"run {again.run.run_id}",
            allowed="policytwin backtest with both" if pooled else "their folder, with --data",
        )  # fmt: skip
    places = "all"
    if parameters["places"] is not None:
        file = again.folder / "places.txt"
        file.write_text("\n".join(parameters["places"]), encoding="utf-8")
        places = str(file)
    origins = tuple(day for day in map(parse_period, parameters["origins"]) if day is not None)
    request = PanelBacktestRequest(
        parameters["study"], origins, tuple(parameters["horizons"]), Path(again.data), places,
        personas=record.personas, seed=record.seed,
    )  # fmt: skip
    result = panel_backtest(request, again.scratch, watch=again.watch, executor=again.executor)
    now = again.scratch.run(result.run_id).record
    again.changes += input_changes(record.input_hashes, now.input_hashes)
    return str(now.result_hash)


def _known_effects(again: Again) -> str:
    if again.data is None:
        raise Unavailable(
            "reads tables of the user's own, which are not kept", where=f"run {again.run.run_id}",
            allowed="their folder, with --data",
        )  # fmt: skip
    record = again.record
    request = KnownEffectsRequest(again.parameters["study"], Path(again.data), record.personas, record.seed)
    result = known_effects(request, again.scratch, watch=again.watch, executor=again.executor)
    now = again.scratch.run(result.run_id).record
    again.changes += input_changes(record.input_hashes, now.input_hashes)
    return str(now.result_hash)


def _file_of(folder: Path | None, name: str | None, key: str) -> Path | None:
    """The file of this content, first by its name and then among all of the folder."""
    if folder is None or not folder.is_dir():
        return None
    named = [folder / name] if name is not None and (folder / name).is_file() else []
    others = sorted(item for item in folder.iterdir() if item.is_file() and item not in named)
    return next((item for item in (*named, *others) if file_hash(item) == key), None)


def _ask(again: Again) -> str:
    record, parameters = again.record, again.parameters
    known: Study | StudyInputs
    if "mobility" in record.input_hashes:
        known = inputs_of_run(again)
    else:
        given = stored_text(again.store, record.study_hash)
        known = load_study(record.study_id) if given is None else study_from(given, Path(f"study {record.study_id}"))
        again.changes += (
            [] if study_hash(known) == record.study_hash else ["the study: it says something else than then"]
        )
    mapping = parameters.get("mapping")
    summary = again.run.summary or {}
    result = ask_people(
        again.scratch,
        str(record.population_id),
        SurveyQuestion.from_dict(parameters["question"]),
        asking=asked_with(record, REPLAY, allow_failures=bool(summary.get("failed"))),
        mapping=AnswerMapping(**mapping) if mapping else None,
        personas=parameters.get("most", record.personas),
        among=parameters["among"] or None,
        timeline_id=record.timeline_id,
        seed=record.seed,
        watch=again.watch,
        known=known,
        prompts=record.prompt_version or SURVEY_PROMPTS,
    )
    return result.result_hash


def _society(again: Again) -> str:
    if again.parameters["what"] in MEASUREMENTS:
        return measured_again(
            again.store, again.run.run_id, again.scratch, again.folder, watch=again.watch, executor=again.executor
        )
    return society_again(
        again.store, again.run.run_id, again.scratch, watch=again.watch, executor=again.executor
    ).result_hash


def _tables(again: Again) -> str:
    return measured(request_again(again.record, _files_again(again)), again.watch).result_hash


def _donors(again: Again) -> str:
    return donors_again(again.record, Path(_files_again(again)["mobility"])).result_hash


def _replicate(again: Again) -> str:
    return str(replicated_again(again.record, _found_below(again)).result_hash)


def _found_below(again: Again) -> dict[str, Path]:
    """The files of others that a record names, by their content, anywhere in the folder. Unavailable where one is not there."""
    folder, named = observed_data(again.data), again.record.parameters["files"]
    found = {
        name: next((path for path in sorted(folder.rglob(named[name])) if path.is_file() and file_hash(path) == key), None)
        if folder is not None else None
        for name, key in again.record.input_hashes.items()
    }  # fmt: skip
    lacking = [
        f"{named[name]} ({again.record.input_hashes[name][:10]}…)" for name, path in found.items() if path is None
    ]
    if lacking:
        raise Unavailable(
            f"reads files of others, which are not kept; not found by their content: {', '.join(lacking)}",
            where=f"run {again.run.run_id}", allowed="a folder that they lie in, with --data",
        )  # fmt: skip
    return {name: path for name, path in found.items() if path is not None}


def _files_again(again: Again) -> dict[str, str | Path]:
    """The files of others that a record names, found by their content. Unavailable where one is not there."""
    record = again.record
    folder = observed_data(again.data)
    files: dict[str, str | Path] = {}
    lacking = []
    for name, key in record.input_hashes.items():
        named = str(record.parameters[name])
        found = Path(named) if key == EXAMPLE else _file_of(folder, named, key)
        if found is None and folder is not None and (folder / "twins").is_dir():
            found = _file_of(folder / "twins", named, key)
        if found is None:
            lacking.append(f"{named} ({key[:10]}…)")
        else:
            files[name] = named if key == EXAMPLE else found
    if lacking:
        raise Unavailable(
            f"reads files of others, which are not kept; not found by their content: {', '.join(lacking)}",
            where=f"run {again.run.run_id}", allowed="their folder, with --data",
        )  # fmt: skip
    return files


def _correction(again: Again) -> str:
    return corrected_again(again.store, again.record).result_hash


def _persona_audit(again: Again) -> str:
    study, parameters = inputs_of_run(again).study, again.parameters
    asking, personas = _persona_audit_asking(again), again.record.personas
    if parameters["what"] == AUDIT:
        audit = ConfoundingRequest(
            again.about.run_id, designs=tuple(parameters["designs"]), levels=tuple(parameters["levels"]),
            stated_only=not parameters["unstated"], personas=personas, asking=asking,
        )  # fmt: skip
        return _hash_of(again, confounding_audit(audit, again.scratch, watch=again.watch, study=study).run_id)
    checks = PersonaAuditRequest(
        again.about.run_id, personas, parameters.get("most_situations", PersonaAuditRequest.situations),
        parameters["samples"], asking,
    )  # fmt: skip
    return _hash_of(again, audit_personas(checks, again.scratch, watch=again.watch, study=study).run_id)


def _persona_audit_asking(again: Again) -> ModelOptions | None:
    """As it was asked then, with no call allowed: what the store does not answer is refused."""
    if not asks_model(again.record.engine):
        return None
    return replace(asking_of(again.record), max_calls=0)


def _hash_of(again: Again, run_id: str) -> str:
    """The hash of a result just kept in the store in memory."""
    return str(again.scratch.run(run_id).record.result_hash)


MAKERS: dict[str, Callable[[Again], str]] = {
    "run": _run,
    "sweep": _sweep,
    "compare": _compare,
    "projection": _projection,
    "sensitivity": _sensitivity,
    "ablations": _ablations,
    "groups": _groups,
    "worlds": _worlds,
    "backtest": _backtest,
    "panel_backtest": _panel_backtest,
    "ask": _ask,
    "persona_audit": _persona_audit,
    "survey_correction": _correction,
    "survey_calibration": _tables,
    "survey_prediction": _tables,
    "donors": _donors,
    "known_effects": _known_effects,
    "replicate": _replicate,
    "society": _society,
}

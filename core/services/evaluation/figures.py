"""The figures that README and pages quote, measured again: one file each in `data/validation`, with where it comes from.

A measurement whose file was made by this very code from these very files is not made again, so that work that was stopped
goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from core.errors import InputError, one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.forecasting.places import PATTERN
from core.records import code_version
from core.result import Result
from core.services.audits.groups import groups
from core.services.audits.requests import GroupsRequest
from core.services.evaluation.ablations import ablate
from core.services.evaluation.asked_scores import asked_scores
from core.services.evaluation.backtests import backtest, export_backtest, file_hash, measured_now, read_exported
from core.services.evaluation.domain_scores import DomainScores, domain_files, domain_studies, scores_of
from core.services.evaluation.figures_parts import (
    Bench,
    Made,
    Measure,
    asking_costs,
    known_worlds_scores,
    prices_of,
    split_of,
)
from core.services.evaluation.figures_society import (
    measure_ablations,
    measure_arms,
    measure_attention,
    measure_facts,
    measure_signs,
    society_measure,
)
from core.services.evaluation.known_worlds import known_worlds
from core.services.evaluation.replication_figures import REPLICATION_FILES, ReplicationScores, replication_scores
from core.services.evaluation.requests import FILES, AblateRequest, BacktestRequest, FiguresRequest, WorldsRequest
from core.services.evaluation.results import FigureFile
from core.services.evaluation.shown_results import as_shown, shown_name
from core.services.evaluation.stylised_facts import embedded_facts, teaching_countries, training_share
from core.services.evaluation.twin_scores import PEOPLE_FILES, TWIN_FILES, twin_scores, twin_verdicts
from core.services.runs.run import ensure_run
from core.services.society.facts import MeasuredFacts
from core.services.society.shown import SHIPPED
from core.services.studies.inputs import EMBEDDED
from core.services.studies.requests import RunRequest
from core.settings import observed_data
from core.store.database import Store
from core.study import load_study
from core.validity.measured import (
    AblationPrices,
    AskedScores,
    AskingCosts,
    Header,
    KnownWorlds,
    ShownResult,
    StudyScores,
    StylisedFacts,
    TwinScores,
    TwinVerdicts,
    domain_of,
    measured_folder,
    measured_path,
    read_measured,
    write_measured,
)
from core.validity.stylised_facts import middle_half, middle_half_of_policy

#: Ends of training and of the test of the UAE's three splits; Google's files end on the last day.
UAE_SPLITS = (
    (date(2020, 12, 31), date(2021, 12, 31)),
    (date(2021, 6, 30), date(2022, 10, 13)),
    (date(2021, 12, 31), date(2022, 10, 13)),
)
#: The last day that most countries' mobility is there for.
LAST_OF_ALL = date(2021, 6, 19)


@dataclass(frozen=True)
class Measurement:
    """One file of figures: what it holds, the command that makes it by hand, and the files of observations it reads."""

    name: str
    what: str
    command: str
    files: tuple[str, ...]
    write: Callable[[Measurement, Bench, Path], Header]
    read: Callable[[Path], Header | None]

    def hashes(self, data: Path | None) -> dict[str, str]:
        """SHA-256 of each file by its name. InputError where the folder or one of them is not there."""
        if self.files and data is None:
            raise InputError("no folder of observations is given", where=self.name, allowed="--data DIR")
        return {name: file_hash(data / name) for name in self.files if data is not None}

    def current(self, folder: Path, data: Path | None) -> bool:
        """Whether its file was made by this code from these files. A file of another shape was not."""
        hashes = self.hashes(data)
        try:
            header = self.read(folder)
        except InputError:
            return False
        return header is not None and (header.code_version, dict(header.data)) == (code_version(), hashes)

    def header(self, data: Path | None, seconds: float) -> Header:
        """Of a measurement that took so long and ends now."""
        today, domain = datetime.now(UTC).date(), domain_of(load_study(PATTERN))
        return Header(self.command, code_version(), today, domain, self.hashes(data), round(seconds, 1))


def measure_figures(
    request: FiguresRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> dict[str, FigureFile]:
    """Make the measurements asked for whose files are not current, or all of them `again`, and write them.

    The store keeps runs that were finished. InputError for an unknown name, and before any work where files of observations are
    missing. Cancelled where the watch says stop: what was finished stays.
    """
    bench = Bench(observed_data(request.data), store, watch or ProgressReporter(), executor)
    folder, only = request.to or measured_folder(), request.only
    chosen = [one_of(name, MEASUREMENTS, what="measurement") for name in only or MEASUREMENTS]
    # Every file is looked for before minutes of work, also where all is to be measured again.
    due = {name: not MEASUREMENTS[name].current(folder, bench.data) or again for name in chosen}
    done = {}
    for name in chosen:
        measurement = MEASUREMENTS[name]
        bench.watch.check()
        header = measurement.write(measurement, bench, folder) if due[name] else measurement.read(folder)
        assert header is not None
        done[name] = FigureFile(made=due[name], seconds=header.seconds, file=str(measured_path(name, folder)))
    return done


def stale_figures(folder: Path, data: Path | None) -> dict[str, str]:
    """The measurements that this code or these files did not make: {name: why}."""
    found = {}
    for name, measurement in MEASUREMENTS.items():
        try:
            header = measurement.read(folder)
        except InputError as wrong:
            found[name] = str(wrong)
            continue
        if header is None:
            found[name] = "not measured"
        elif header.code_version != code_version():
            found[name] = f"measured by version {header.code_version}, not by {code_version()}"
        elif data is not None and dict(header.data) != measurement.hashes(data):
            found[name] = "measured with other observations"
    return found


def _study(study: str, splits: Sequence[tuple[date | None, date | None]]) -> Measure:
    def measure(bench: Bench) -> Made:
        found, personas, seconds = [], 0, 0.0
        for train_end, test_end in splits:
            request = RunRequest(study, bench.data, train_end=train_end, test_end=test_end)
            run = bench.store.run(ensure_run(request, bench.store, bench.watch, bench.executor))
            found.append(split_of(run.summary))
            # A run that an earlier attempt finished took its time then.
            personas, seconds = run.record.personas, seconds + run.summary["seconds"]["total"]
        return seconds, lambda header: StudyScores(header, study, personas, tuple(found))

    return measure


def _ablations(bench: Bench) -> Made:
    train_end, test_end = UAE_SPLITS[0]
    request = AblateRequest(RunRequest("uae", bench.data, train_end=train_end, test_end=test_end))
    result = ablate(request, bench.store, watch=bench.watch, executor=bench.executor)
    return result.seconds, lambda header: prices_of(result, header)


def _shown(study: str, make: Callable[[RunRequest, Bench], Result]) -> Measure:
    def measure(bench: Bench) -> Made:
        began = time.perf_counter()
        result = make(RunRequest(study), bench)
        return time.perf_counter() - began, lambda header: as_shown(result, study, header)

    return measure


def _ablate(run: RunRequest, bench: Bench) -> Result:
    return ablate(AblateRequest(run), bench.store, watch=bench.watch, executor=bench.executor)


def _groups(run: RunRequest, bench: Bench) -> Result:
    return groups(GroupsRequest(run), bench.store, watch=bench.watch, executor=bench.executor)


def _worlds(bench: Bench) -> Made:
    result = known_worlds(WorldsRequest(), watch=bench.watch, executor=bench.executor)
    return result.seconds, lambda header: known_worlds_scores(result, header)


def _stylised_facts(bench: Bench) -> Made:
    assert bench.data is not None
    began = time.perf_counter()
    share = training_share(load_study(EMBEDDED))
    mobility, policy, cases = (bench.data / name for name in FILES)
    train_end, errors, policies = teaching_countries(
        mobility, policy, cases, LAST_OF_ALL, share, bench.watch, bench.executor
    )
    counted = errors.idxmin(axis=1).value_counts()
    best = {str(name): int(counted.get(name, 0)) for name in errors.columns}
    half, policy_half, (own, now) = middle_half(errors), middle_half_of_policy(policies), embedded_facts()

    def made(header: Header) -> StylisedFacts:
        return StylisedFacts(header, len(errors), train_end, LAST_OF_ALL, half, best, own, policy_half, now)

    return time.perf_counter() - began, made


def _asking(bench: Bench) -> Made:
    began = time.perf_counter()
    estimate, calls = asking_costs(bench.data)
    return time.perf_counter() - began, lambda header: AskingCosts(header, estimate, calls)


def _asked(bench: Bench) -> Made:
    began = time.perf_counter()
    found = asked_scores(bench.store, bench.data, bench.watch, bench.executor)
    return time.perf_counter() - began, lambda header: replace(found, header=header)


def _twins(measurement: Measurement, bench: Bench, folder: Path) -> Header:
    """Written after each pair of tables, for the whole takes long; what this code made of these files is not made again."""
    assert bench.data is not None
    began, header = time.perf_counter(), measurement.header(bench.data, 0.0)
    found = read_measured(TwinScores, measurement.name, folder)
    same = found is not None and (found.header.code_version, dict(found.header.data)) == (
        header.code_version,
        dict(header.data),
    )
    done = found if same and found is not None else TwinScores(header, (), ())
    for finished in twin_scores(bench.data / "twins", done, bench.watch):
        header = replace(header, seconds=round(done.header.seconds + time.perf_counter() - began, 1))
        write_measured(replace(finished, header=header), measurement.name, folder)
    return header


def _domains(measurement: Measurement, bench: Bench, folder: Path) -> Header:
    """The store keeps what was finished before it was stopped."""
    began = time.perf_counter()
    given = None if bench.data is None else str(bench.data)
    found = tuple(scores_of(study, given, bench.store, bench.watch, bench.executor) for study in domain_studies())
    header = measurement.header(bench.data, time.perf_counter() - began)
    write_measured(DomainScores(header, found), measurement.name, folder)
    return header


def _twin_verdicts(bench: Bench) -> Made:
    assert bench.data is not None
    began = time.perf_counter()
    made = twin_verdicts(bench.data, bench.watch)
    return time.perf_counter() - began, made


def _replications(bench: Bench) -> Made:
    assert bench.data is not None
    began = time.perf_counter()
    parts = replication_scores(bench.data, bench.watch)
    return time.perf_counter() - began, lambda header: ReplicationScores(header, **parts)


def _measured(measure: Measure) -> Callable[[Measurement, Bench, Path], Header]:
    def write(measurement: Measurement, bench: Bench, folder: Path) -> Header:
        seconds, made = measure(bench)
        header = measurement.header(bench.data, seconds)
        write_measured(made(header), measurement.name, folder)
        return header

    return write


def _backtest(measurement: Measurement, bench: Bench, folder: Path) -> Header:
    assert bench.data is not None
    request = BacktestRequest.shipped(bench.data)
    measured = measured_now(backtest(request, watch=bench.watch, executor=bench.executor), request)
    export_backtest(measured, measured_path(measurement.name, folder))
    return measured.header


def _header(kind: Any, name: str) -> Callable[[Path], Header | None]:
    def read(folder: Path) -> Header | None:
        found = read_measured(kind, name, folder)
        return None if found is None else found.header

    return read


def _backtest_header(folder: Path) -> Header | None:
    path = measured_path("backtest", folder)
    return read_exported(path).header if path.exists() else None


def _measurement(
    name: str, what: str, command: str, files: tuple[str, ...], measure: Measure, kind: Any
) -> Measurement:
    return Measurement(name, what, command, files, _measured(measure), _header(kind, name))


MEASUREMENTS: Mapping[str, Measurement] = {
    item.name: item
    for item in (
        _measurement(
            "study_meridia", "Meridia's own split", "policytwin run meridia --json", (),
            _study("meridia", [(None, None)]), StudyScores,
        ),
        _measurement(
            "study_uae", "the UAE's three splits",
            "policytwin run uae --data DIR --train-end 2021-06-30 --json", FILES, _study("uae", UAE_SPLITS), StudyScores,
        ),
        _measurement(
            "ablations_uae", "what the parts are worth on the UAE's test of 2021",
            "policytwin ablate uae --data DIR --train-end 2020-12-31 --test-end 2021-12-31 --json", FILES, _ablations,
            AblationPrices,
        ),
        _measurement(
            shown_name("ablations", EMBEDDED), "what the parts are worth on Meridia's own split",
            f"policytwin ablate {EMBEDDED} --json", (), _shown(EMBEDDED, _ablate), ShownResult,
        ),
        _measurement(
            shown_name("society", SHIPPED), "what the arms of the shipped society change",
            f"policytwin society run {SHIPPED} --json", (), society_measure(SHIPPED, measure_arms), ShownResult,
        ),
        _measurement(
            shown_name("society", f"{SHIPPED}_ablations"), "what each part of the society does",
            f"policytwin society ablate {SHIPPED} --json", (),
            society_measure(f"{SHIPPED}_ablations", measure_ablations), ShownResult,
        ),
        _measurement(
            shown_name("society", f"{SHIPPED}_signs"), "whether levers of the society act as registered",
            f"policytwin society ablate {SHIPPED} --signs --json", (),
            society_measure(f"{SHIPPED}_signs", measure_signs), ShownResult,
        ),
        _measurement(
            shown_name("attention", SHIPPED), "whether posts sell in the shipped society",
            f"policytwin society attention {SHIPPED} --json", (), measure_attention, ShownResult,
        ),
        _measurement(
            shown_name("groups", EMBEDDED), "how different Meridia's people are, and who responds more",
            f"policytwin groups {EMBEDDED} --json", (), _shown(EMBEDDED, _groups), ShownResult,
        ),
        _measurement(
            "stylised_facts", "how real countries' baselines compare", "policytwin figures --data DIR --only stylised_facts",
            FILES, _stylised_facts, StylisedFacts,
        ),
        _measurement("worlds", "contrasts in generated worlds", "policytwin worlds --json", (), _worlds, KnownWorlds),
        _measurement(
            "asking", "what asking a language model would take",
            "policytwin run uae --data DIR --engine gemini --model gemini-2.5-flash-lite --estimate", FILES, _asking,
            AskingCosts,
        ),
        _measurement(
            "asked_small", "what a small language model's shipped answers come to",
            "policytwin figures --data DIR --only asked_small", FILES, _asked, AskedScores,
        ),
        _measurement(
            "society_facts", "stylised facts of the society", "policytwin society facts --json", (), measure_facts,
            MeasuredFacts,
        ),
        Measurement(
            "survey_twins", "calibrated twins on real pairs of tables", "policytwin figures --data DIR --only survey_twins",
            TWIN_FILES, _twins, _header(TwinScores, "survey_twins"),
        ),
        _measurement(
            "twin_verdicts", "verdicts, corrections and accuracy of calibrated twins",
            "policytwin figures --data DIR --only twin_verdicts", (*TWIN_FILES, *PEOPLE_FILES), _twin_verdicts, TwinVerdicts,
        ),
        _measurement(
            "replications", "real people's answers, choices, experiments and twins",
            "policytwin figures --data DIR --only replications", REPLICATION_FILES, _replications, ReplicationScores,
        ),
        Measurement(
            "domains", "hold-outs and published effects of studies of other domains",
            "policytwin figures --data DIR --only domains", domain_files(), _domains, _header(DomainScores, "domains"),
        ),
        Measurement(
            "backtest", "rolling origins over all countries", "policytwin backtest", FILES, _backtest, _backtest_header
        ),
    )
}  # fmt: skip

"""Survey twins: people's answers to some questions correct what twins say to another."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import Parser, command, keep_option, open_store, request_of, request_options, show_result, watch

DISTRIBUTION = "core.services.surveys.distribution:DistributionRequest"
PREDICT = "core.services.surveys.calibration_requests:PredictRequest"
BENCH = "core.services.benchmarks.twins:BenchTwinsRequest"
CORRECT = "core.services.surveys.correct:CorrectionRequest"
CALIBRATE = "core.services.surveys.calibration_requests:CalibrateRequest"


def add(commands: Any) -> None:
    """Register these commands."""
    survey = commands.add_parser("survey", help="twins' answers, corrected by people's answers to other questions")
    actions = survey.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "how well each method predicts people's answers to a hidden question, or of a hidden user"
    _kept_options(command(actions, "calibrate", _calibrate, text), CALIBRATE)
    text = "people's answers to a question that they were not asked"
    _kept_options(command(actions, "predict", _predict, text), PREDICT)
    text = "speed and memory of calibrating on this machine: ridge alone, and all ten"
    request_options(command(actions, "bench", _bench, text), BENCH, stored=False, workers=0)
    text = "what people would answer to a question that personas were asked, by people's answers to other questions"
    request_options(command(actions, "correct", _correct, text), CORRECT, workers=0)
    text = "predict the shares of answers to a new question by weighted twins, judged on questions kept out"
    request_options(command(actions, "distribution", _distribution, text), DISTRIBUTION, stored=False, workers=0)


def _kept_options(parser: Parser, request: str) -> None:
    request_options(parser, request, workers=0)
    keep_option(parser)


def _kept(arguments: argparse.Namespace, request: str) -> Any:
    from core.services.surveys.kept_calibrations import kept_calibration, measured

    asked = request_of(arguments, request)
    if not arguments.keep and not hasattr(arguments, "db"):
        return measured(asked, watch())
    with open_store(arguments) as store:
        return kept_calibration(store, asked, again=arguments.again, watch=watch())


def _calibrate(arguments: argparse.Namespace) -> None:
    from core.report.sentences.twins import calibration_document

    result = _kept(arguments, CALIBRATE)
    show_result(result, arguments, lambda: calibration_document(result))


def _distribution(arguments: argparse.Namespace) -> None:
    from core.report.sentences.twins import distribution_document
    from core.services.surveys.distribution import distribution

    result = distribution(request_of(arguments, DISTRIBUTION), watch=watch())
    show_result(result, arguments, lambda: distribution_document(result))


def _predict(arguments: argparse.Namespace) -> None:
    from core.report.sentences.twins import prediction_document

    result = _kept(arguments, PREDICT)
    show_result(result, arguments, lambda: prediction_document(result))


def _correct(arguments: argparse.Namespace) -> None:
    from core.report.sentences.corrections import correction_document
    from core.services.surveys.correct import correct

    with open_store(arguments) as store:
        result = correct(request_of(arguments, CORRECT), store, watch=watch())
    show_result(result, arguments, lambda: correction_document(result))


def _bench(arguments: argparse.Namespace) -> None:
    from core.report.sentences.benchmarks import bench_twins_document
    from core.services.benchmarks.twins import benchmark_twins

    result = benchmark_twins(request_of(arguments, BENCH))
    show_result(result, arguments, lambda: bench_twins_document(result))

"""Language models: the cache of their answers, and the speed of asking."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from core.cli import audit_commands as audit_commands
from core.cli.options import (
    asking_of,
    asking_options,
    command,
    estimate_option,
    json_option,
    open_store,
    show,
    store_option,
    watch,
)
from core.cli.parsers import DATE_FORMAT, day, folder, names
from core.errors import InputError


def add(commands: Any) -> None:
    """Register these commands."""
    cache = commands.add_parser("cache", help="answers of language models: show, export, import")
    actions = cache.add_subparsers(title="actions", metavar="ACTION", required=True)
    shown = command(actions, "show", _cache_show, "say what the cache of answers holds")
    exported = command(actions, "export", _cache_export, "write all answers to one file, to be replayed without a key")
    exported.add_argument("file", type=Path, metavar="FILE")
    imported = command(actions, "import", _cache_import, "check a file of answers and take them into the cache")
    imported.add_argument("file", type=Path, metavar="FILE")
    for parser in (shown, exported, imported):
        store_option(parser)
        json_option(parser)

    bench = command(commands, "bench-llm", _bench_llm, "measure how fast models can be asked, on a server of its own")
    bench.add_argument("--calls", type=int, default=2000, metavar="N", help="calls in each run (default 2000)")
    bench.add_argument("--latency", type=float, default=0.2, metavar="S", help="seconds to an answer (default 0.2)")
    bench.add_argument("--concurrency", type=int, default=32, metavar="N", help="calls at a time (default 32)")
    bench.add_argument("--repeat", type=int, default=3, metavar="N", help="pairs of runs (median shown; default 3)")
    json_option(bench)
    _add_ask(commands)
    audit_commands.add(commands)


def _cache_show(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cache_text
    from core.services.language.answer_cache import show_answers

    with open_store(arguments) as store:
        values = show_answers(store)
    show(values, arguments, lambda: cache_text(values))


def _cache_export(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cache_exported_text
    from core.services.language.answer_cache import export_answers

    with open_store(arguments) as store:
        values = export_answers(store, arguments.file)
    show(values, arguments, lambda: cache_exported_text(values))


def _cache_import(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import cache_imported_text
    from core.services.language.answer_cache import import_answers

    with open_store(arguments) as store:
        values = import_answers(store, arguments.file)
    show(values, arguments, lambda: cache_imported_text(values))


def _bench_llm(arguments: argparse.Namespace) -> None:
    from core.report.sentences.language import bench_llm_text
    from core.services.benchmarks.language import benchmark_llm

    for name in ("calls", "concurrency", "repeat", "latency"):
        value = getattr(arguments, name)
        if not value > 0:
            raise InputError(f"--{name} {value}", allowed="above 0")
    values = benchmark_llm(
        calls=arguments.calls,
        latency=arguments.latency,
        concurrency=arguments.concurrency,
        repeat=arguments.repeat,
    )
    show(values, arguments, lambda: bench_llm_text(values))


def _add_ask(commands: Any) -> None:
    ask = command(commands, "ask", _ask, "put a survey question to the personas of a study, and keep the answers")
    ask.add_argument("study", help="a shipped study (meridia, uae) or a study file")
    ask.add_argument(
        "--question", required=True, metavar="TEXT|FILE", help="the question, or a TOML or JSON file with all of it"
    )
    ask.add_argument("--choices", type=_choices, metavar="A,B,C", help="2 to 12 answers (a comma inside one: \\,)")
    ask.add_argument("--several", action="store_true", help="any number of the choices may be given")
    ask.add_argument("--rotate", action="store_true", help="begin the choices with another one for each persona")
    ask.add_argument("--scale", type=_scale, metavar="LOW-HIGH", help="whole numbers, such as 1-5 or 0-10")
    ask.add_argument("--low", default="", metavar="TEXT", help="what the low end of the scale means")
    ask.add_argument("--high", default="", metavar="TEXT", help="what the high end of the scale means")
    ask.add_argument("--situation", default="", metavar="TEXT", help="what holds when the question is asked, in words")
    ask.add_argument("--as-of", type=day, metavar=DATE_FORMAT, help="the policy in force on this day holds")
    ask.add_argument("--timeline", metavar="ID", help="a kept timeline for --as-of (default: the observed one)")
    ask.add_argument("--data", type=folder, metavar="DIR", help="folder of observations, for --as-of")
    ask.add_argument("--population", metavar="ID", help="a kept population (default: the study's own)")
    ask.add_argument("--personas", type=int, metavar="N", help="how many to ask at most (default 100 of a model)")
    ask.add_argument(
        "--among", type=_among, action="append", default=[], metavar="ATTRIBUTE=A,B", help="ask only these"
    )
    ask.add_argument("--from-age", type=int, metavar="YEARS", help="ask only people of age groups from there on")
    ask.add_argument("--engine", default="rules", help="gemini, openai or replay; rules needs --trait or --behaviour")
    ask.add_argument("--trait", metavar="NAME", help="assume that this trait is the answer; asks no model")
    ask.add_argument("--behaviour", metavar="NAME", help="assume that this behaviour on the day is; asks no model")
    ask.add_argument("--reverse", action="store_true", help="high traits or probabilities mean the low end")
    ask.add_argument(
        "--by", type=names, default=[], metavar="ATTRIBUTE,…", help="show the answers by these attributes or traits"
    )
    ask.add_argument("--seed", type=int, default=0, help="of the population and the intervals")
    estimate_option(ask)
    asking_options(ask)
    store_option(ask)
    json_option(ask)


def _ask(arguments: argparse.Namespace) -> None:
    from core.errors import one_of
    from core.report.sentences.surveys import ask_text, cost_of_asking_text
    from core.services.populations.synthesis import load_population, make_population, save_population
    from core.services.surveys.ask import ask_people, by_subgroup, cost_of_asking
    from core.services.surveys.preparing import ages_from
    from core.services.surveys.values import subgroup_names
    from core.study import load_study

    question, asking, mapping = _survey_question(arguments), _asking(arguments), _mapping(arguments)
    study = load_study(arguments.study)
    with open_store(arguments) as store:
        population = arguments.population
        if population is None:
            made = make_population(study, study.personas, arguments.seed)
            population = save_population(store, study, made, f"{made.size:,} personas")
        about: dict[str, Any] = {
            "personas": arguments.personas,
            "among": dict(arguments.among),
            "study": arguments.study,
            "data": arguments.data,
            "timeline_id": arguments.timeline,
        }
        if arguments.prompts is not None:
            about["prompts"] = arguments.prompts
        people = load_population(store, population)
        for name in arguments.by:
            one_of(name, subgroup_names(people.spec), what="attribute or trait", where="--by")
        if arguments.from_age is not None:
            about["among"] |= ages_from(people, arguments.from_age)
        if arguments.estimate:
            cost = cost_of_asking(store, population, question, asking=asking, seed=arguments.seed, **about)
            show(cost, arguments, lambda: cost_of_asking_text(cost))
            return
        values = ask_people(
            store, population, question, asking=asking, mapping=mapping, seed=arguments.seed, watch=watch(), **about
        )
        more = [name for name in arguments.by if name not in values["by"]]
        if more:
            values["by"] |= by_subgroup(store, values["run_id"], more)
    show(values, arguments, lambda: ask_text(values, arguments.by))


def _survey_question(arguments: argparse.Namespace) -> Any:
    from core.survey.questions import SurveyQuestion, load_question

    if Path(arguments.question).suffix.lower() in (".toml", ".json"):
        for name in ("choices", "scale", "several", "rotate", "low", "high", "situation", "as_of"):
            if getattr(arguments, name):
                raise InputError(
                    f"--{name.replace('_', '-')} beside a file",
                    where="ask",
                    allowed=f"all of it in {arguments.question}",
                )
        return load_question(arguments.question)
    about = {"situation": arguments.situation, "as_of": arguments.as_of}
    if (arguments.choices is None) == (arguments.scale is None):
        raise InputError("a question needs one kind of answer", where="ask", allowed="--choices or --scale")
    if arguments.choices is not None:
        if arguments.low or arguments.high:
            raise InputError("--low and --high are for a scale", where="ask", allowed="--scale")
        return SurveyQuestion.of_choices(
            arguments.question, arguments.choices, several=arguments.several, rotate=arguments.rotate, **about
        )
    if arguments.several or arguments.rotate:
        raise InputError("--several and --rotate are for choices", where="ask", allowed="--choices")
    low, high = arguments.scale
    return SurveyQuestion.of_scale(arguments.question, low, high, arguments.low, arguments.high, **about)


def _asking(arguments: argparse.Namespace) -> Any:
    """How a model is asked, or None for the rules engine."""
    from core.errors import one_of
    from core.services.studies.inputs import ENGINES

    one_of(arguments.engine, ENGINES, what="engine", where="ask")
    for name in ("design", "days"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name} is a way to ask about situations", where="ask", allowed="a survey question without it"
            )
    return asking_of(arguments)


def _mapping(arguments: argparse.Namespace) -> Any:
    from core.survey.mapping import BEHAVIOUR, TRAIT, AnswerMapping

    if arguments.trait and arguments.behaviour:
        raise InputError("a trait and a behaviour are given", where="ask", allowed="--trait or --behaviour")
    if arguments.trait:
        return AnswerMapping(TRAIT, arguments.trait, arguments.reverse)
    if arguments.behaviour:
        return AnswerMapping(BEHAVIOUR, arguments.behaviour, arguments.reverse)
    return None


def _among(text: str) -> tuple[str, list[str]]:
    name, sign, values = text.partition("=")
    if not sign or not name.strip() or not names(values):
        raise argparse.ArgumentTypeError(f"'{text}' names nobody; allowed: ATTRIBUTE=CATEGORY,CATEGORY")
    return name.strip(), names(values)


def _choices(text: str) -> list[str]:
    return [part.replace("\\,", ",").strip() for part in re.split(r"(?<!\\),", text)]


def _scale(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(-?\d{1,4})(?:-|\.\.|:)(-?\d{1,4})", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a scale; allowed: LOW-HIGH in whole numbers, such as 1-5")
    return int(found.group(1)), int(found.group(2))

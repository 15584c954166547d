"""A scripted model for survey questions: it answers a persona as a table says, whatever the prompt around it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llm_servers import Behaviour, Seen, ServerUrl, Step, gemini_answer, openai_answer, prompt_of

from core.cognition.llm.canaries import CANARIES
from core.cognition.llm.fenced import one_line
from core.people.personas import Population
from core.services.populations.synthesis import make_population, save_population
from core.services.studies.requests import ModelOptions
from core.services.surveys.ask import ask_people
from core.store.database import Store
from core.study import Study, load_study
from core.survey.mapping import AnswerMapping
from core.survey.questions import SurveyQuestion

PERSONA = re.compile(r"-----BEGIN PERSONA (\w{32})-----\n(.*)\n-----END PERSONA \1-----")
QUESTION = re.compile(r"-----BEGIN QUESTION (\w{32})-----\n(.*?)\n-----END QUESTION \1-----", re.DOTALL)

#: What a persona's row and the sample give: a probability for each answer, in the order of the question.
Script = Callable[[Mapping[str, Any], int], Sequence[float]]


def study() -> Study:
    return load_study("meridia")


def kept(store: Store, personas: int = 30) -> tuple[str, Population]:
    """A kept population of Meridia and its id."""
    made = make_population(study(), personas, seed=5)
    return save_population(store, study(), made, f"{personas} personas"), made


def asked_about_worry(store: Store, personas: int = 20) -> tuple[str, str]:
    """A question answered by personas as traits of theirs, after five others: its run, and people's answers to the others as
    the text of a CSV file."""
    scale = SurveyQuestion.of_scale("How worried are you?", 1, 5, "Not at all", "Very")
    others = [f"How worried are you about {what}?" for what in ("work", "school", "shops", "trains", "health")]
    identifier, population = kept(store, personas)
    runs = [
        ask_people(store, identifier, replace(scale, text=text), mapping=AnswerMapping("trait", trait)).run_id
        for text, trait in zip([*others, scale.text], (population.spec.trait_names * 6)[:6], strict=True)
    ]
    rows = "".join(f"{text},{10 + place},40,20,20,{10 + place}\n" for place, text in enumerate(others))
    return runs[-1], f"question,1,2,3,4,5\n{rows}"


def form_of(prompt: str) -> dict[str, Any]:
    """The form at the end of a prompt, which what is wrong about an answer may follow."""
    return dict(json.loads(re.findall(r'^\{"reason": "….*$', prompt, re.MULTILINE)[-1]))


def persona_of(prompt: str) -> str:
    """The text of the persona that a prompt is about."""
    [(_, text)] = PERSONA.findall(prompt)
    return str(text)


def labels_of(prompt: str) -> list[str]:
    """The answers as the prompt shows them, in order."""
    [(_, block)] = QUESTION.findall(prompt)
    return [re.sub(r"^[A-L]: ", "", line) for line in block.split("\n")[1:]]


def is_canary(prompt: str) -> bool:
    """Whether a prompt is one of those that are the same in every run."""
    return prompt.startswith(tuple(CANARIES.values()))


def canary_answer(prompt: str, shift: float = 0.0) -> str:
    """What the scripted model says to a canary: the same every time, and from 0.3 to 0.7 by canary."""
    place = next(place for place, text in enumerate(CANARIES.values()) if prompt.startswith(text))
    return json.dumps({"reason": "Such people do.", "values": {"probability": round(30 + 10 * place + 100 * shift)}})


def asked_of(url: ServerUrl) -> list[Seen]:
    """What a server was asked, but for canaries."""
    return [seen for seen in list(url.seen) if not is_canary(prompt_of(seen.body))]


def scripted(
    kind: str, population: Population, script: Script, *, labels: Sequence[str] = (), seed: int = 0
) -> Behaviour:
    """The behaviour of a server whose model is the script; `kind` is gemini or openai.

    The sample is read from the request's seed (OpenAI's format alone has one). `labels` are the answers in the order of
    the script where the prompt may show them in another one.
    """
    rows = {one_line(row["text"]): row for row in population.personas.to_dict("records")}
    wrap = gemini_answer if kind == "gemini" else openai_answer

    def answer(request: dict[str, Any], number: int) -> Step:
        prompt = prompt_of(request)
        if is_canary(prompt):
            return Step(200, {}, wrap(canary_answer(prompt)))
        given = list(script(rows[persona_of(prompt)], int(request.get("seed", seed)) - seed))
        if labels:
            given = [given[list(labels).index(label)] for label in labels_of(prompt)]
        values = {key: round(100 * share) for key, share in zip(form_of(prompt)["values"], given, strict=True)}
        return Step(200, {}, wrap(json.dumps({"reason": "So I think.", "values": values})))

    return answer


def asking(kind: str, url: str, **more: Any) -> ModelOptions:
    """A way to ask the server at `url`."""
    return ModelOptions(engine=kind, model="test-model", base_url=str(url), timeout=10, concurrency=8, **more)

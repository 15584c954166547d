"""A prompt version in other words, with a cue beside it, or asking about other things; and questions of memory.

All of it belongs to a version and lies in folders of its own beneath it, so that the version itself does not change:

- `variants/NAME/`: a paraphrase: every text of the version anew, and the words that differ;
- `variants/cues.toml`: sentences that tell nothing about the situation, put before the form of each question;
- `audit/`: questions about what a policy cannot move, in every design of the version;
- `memory/`: questions for published figures, asked of nobody in particular.

A variant is a `PromptFiles` like any other: the same designs, shapes of answers, cache and pipe. Its version is the
version's name and its own, such as mobility-1/printed-on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

from core.cognition.llm.domain_words import hears_of_an_epidemic
from core.cognition.llm.prompts import AGGREGATE, PERSONA, TEXTS, PromptFiles, PromptWriter, load_prompts
from core.cognition.llm.types import PROMPTS
from core.content_cache import cached_by_content
from core.errors import InputError, one_of
from core.records import content_hash
from core.settings import shipped_data
from core.study import Behaviour, Study

PARAPHRASE, IRRELEVANT, LEADING = "paraphrase", "irrelevant", "leading"
#: What may fix the answer to a question of the audit in the prompt itself.
SAID = ("", "persona", "epidemic")
_FORM = "\n\n"


@dataclass(frozen=True)
class Variant:
    """Another way to put the questions of a version.

    `kind` is PARAPHRASE (same content), IRRELEVANT or LEADING (a cue); `towards` is what a leading cue hopes to find:
    1 that people go out less, -1 that they go out more, and 0 for the others. `label` says it in words.
    """

    id: str
    kind: str
    label: str
    towards: int
    files: PromptFiles


@dataclass(frozen=True)
class Variable:
    """Something that a policy set by chance cannot move. Answers lie between 0 and 1 on the scale that the words say.

    `said` is what fixes the answer in the prompt: "persona", "epidemic", or nothing ("").
    """

    id: str
    label: str
    said: str


class WithoutEpidemic(PromptWriter):
    """A writer that leaves the line on the epidemic out of every situation, and says all else."""

    def common(self, context: Mapping[str, Any]) -> str:
        unsaid = f"- {self._epidemic(int(context['epidemic']))}"
        return "\n".join(line for line in super().common(context).splitlines() if line != unsaid)


def variants_of(version: str = PROMPTS) -> tuple[Variant, ...]:
    """The paraphrases and cues of a prompt version, paraphrases first, none where it has none.

    InputError for an unknown version, and for a paraphrase or cue that cannot be read.
    """
    load_prompts(version)
    return _read_variants(_folder(version), version)


@cached_by_content()
def _read_variants(files: Path, version: str) -> tuple[Variant, ...]:
    base, folder = load_prompts(version), files / "variants"
    found = [
        Variant(path.name, PARAPHRASE, f"paraphrase {number}", 0, _paraphrase(base, path))
        for number, path in enumerate(sorted(item for item in folder.glob("*") if item.is_dir()), start=1)
    ]
    cues = folder / "cues.toml"
    listed = tomllib.loads(cues.read_text(encoding="utf-8"))["cues"] if cues.is_file() else []
    for item in listed:
        kind = one_of(item["kind"], (IRRELEVANT, LEADING), what="kind of cue", where=str(cues.name))
        towards = int(item.get("towards", 0))
        if (towards in (1, -1)) != (kind == LEADING):
            raise InputError(
                f"the cue '{item['id']}' hopes for {towards}", where=cues.name, allowed="1 or -1 if it leads, else 0"
            )
        found.append(Variant(item["id"], kind, item["label"], towards, _cued(base, item["id"], item["text"])))
    return tuple(found)


def variables_of(version: str = PROMPTS, study: Study | None = None) -> tuple[Variable, ...]:
    """What the audit of a version asks for: nothing about an illness where `study` has none. InputError where the version has no
    audit."""
    return tuple(Variable(item["id"], item["label"], item.get("said", "")) for item in _variables(version, study))


def audit_writer(study: Study, version: str = PROMPTS, *, epidemic_stated: bool = True) -> PromptWriter:
    """A writer whose questions are those of the audit, in the situations of `study` and every design of the version.

    Its study has the audit's variables as behaviours, each with a scale of its own as unit. Without `epidemic_stated`
    no situation says how many cases there are. InputError where the version has no audit.
    """
    base, folder, items = load_prompts(version), _folder(version) / "audit", _variables(version, study)
    texts = dict(base.texts) | {
        name: (folder / f"{name}.md").read_text(encoding="utf-8").strip() for name in ("system", "system_aggregate")
    }
    for item in items:
        one_of(item.get("said", ""), SAID, what="what is said", where=f"prompts {version}, audit, {item['id']}")
    words = dict(base.words) | {
        "answers": {_unit(item["id"]): {PERSONA: item["persona"], AGGREGATE: item["aggregate"]} for item in items}
    }
    asked = tuple(
        Behaviour(item["id"], item["label"], item["text"], _unit(item["id"]), item["id"], 0, 1.0) for item in items
    )
    name = "audit" if epidemic_stated else "audit-epidemic-unsaid"
    files = _files(base, name, texts, words)
    writer = PromptWriter if epidemic_stated else WithoutEpidemic
    return writer(replace(study, behaviours=asked), files)


@dataclass(frozen=True)
class MemoryTexts:
    """The texts of a version's questions of memory: the system prompt's and the question's, and the version's name."""

    version: str
    system: str
    question: str
    hash: str

    def filled(self, name: str, **holes: str) -> str:
        """One of the texts with its holes filled."""
        return Template(getattr(self, name)).substitute(holes)


def memory_texts(version: str = PROMPTS) -> MemoryTexts:
    """The questions of memory of a version; InputError where it has none."""
    load_prompts(version)
    return _read_memory_texts(_folder(version) / "memory", version)


@cached_by_content()
def _read_memory_texts(folder: Path, version: str) -> MemoryTexts:
    if not folder.is_dir():
        raise InputError("has no questions of memory", where=f"prompts {version}")
    system, question = ((folder / f"{name}.md").read_text(encoding="utf-8").strip() for name in ("system", "question"))
    return MemoryTexts(f"{version}/memory", system, question, content_hash({"system": system, "question": question}))


def _folder(version: str) -> Path:
    return shipped_data() / "prompts" / version


def _variables(version: str, study: Study | None = None) -> list[dict[str, Any]]:
    load_prompts(version)
    path = _folder(version) / "audit" / "variables.toml"
    if not path.is_file():
        raise InputError("has no questions for an audit", where=f"prompts {version}")
    known: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["variables"]
    told = study is None or hears_of_an_epidemic(study)
    return [item for item in known if told or "illness" not in item["text"]]


def _unit(name: str) -> str:
    return f"scale of {name}"


def _paraphrase(base: PromptFiles, folder: Path) -> PromptFiles:
    texts = {name: (folder / f"{name}.md").read_text(encoding="utf-8").strip() for name in TEXTS}
    own = tomllib.loads((folder / "words.toml").read_text(encoding="utf-8"))
    return _files(base, folder.name, texts, _merged(base.words, own))


def _cued(base: PromptFiles, name: str, text: str) -> PromptFiles:
    """The cue in a paragraph of its own before the form, which is the last paragraph of every question."""
    said = text.replace("$", "$$")
    texts = {
        key: body if key.startswith("system") else f"{said}{_FORM}".join(_parted(body))
        for key, body in base.texts.items()
    }
    return _files(base, name, texts, base.words)


def _parted(body: str) -> tuple[str, str]:
    before, _, form = body.rpartition(_FORM)
    return before + _FORM, form


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `own` says otherwise, table by table."""
    return {
        name: _merged(value, own[name])
        if isinstance(value, Mapping) and isinstance(own.get(name), Mapping)
        else own.get(name, value)
        for name, value in base.items()
    }


def _files(base: PromptFiles, name: str, texts: Mapping[str, str], words: Mapping[str, Any]) -> PromptFiles:
    return PromptFiles(f"{base.version}/{name}", dict(texts), words, content_hash({"texts": texts, "words": words}))

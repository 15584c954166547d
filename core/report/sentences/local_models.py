"""Models on this machine, in plain words."""

from __future__ import annotations

from core.cognition.llm.local_weights import caution_of
from core.report.document import Document, Paragraph, Table
from core.services.language.local_models import FetchedModel, LocalModel, LocalModels
from core.services.surveys.trial import Trial


def fetched_document(found: FetchedModel) -> Document:
    """Weights that were fetched."""
    model = found.model
    how = "was here already" if found.here else "is here now"
    checked = {True: "its SHA-256 is the known one", None: f"SHA-256 {model.sha256}", False: "NOT the known weights"}
    lines = [f"{model.file} ({model.megabytes:.0f} MB; {checked[model.checked]})."]
    lines.append(f"Ask it with --engine local{'' if model.caution else f' --model {model.name}'}.")
    lines += [f"It has {model.caution}"] if model.caution else []
    return Document(f"{model.name} ({model.title}) {how}.", tuple(map(Paragraph, lines)))


def models_document(found: LocalModels) -> Document:
    """What is known and here."""
    ready = "" if found.ready else " Nothing can be asked before pip install 'policytwin[local]'."
    rows = tuple((item.name, item.title, _state(item), item.licence or "", item.caution or "") for item in found.models)
    return Document(
        f"Models on this machine, in {found.folder}.{ready}",
        (Table(("Model", "What it is", "Here", "Licence", "Beware"), rows),),
    )


def trial_document(found: Trial) -> Document:
    """What was made from shipped answers."""
    return Document(
        f"{found.answers:,} shipped answers of {found.model}, which has {caution_of(found.model)}",
        (
            Paragraph(f"The run: policytwin show {found.run_id}"),
            Paragraph(f"The survey question: policytwin show {found.asked}"),
        ),
    )


def serving_text(address: str, alias: str) -> str:
    """Where a model listens."""
    caution = caution_of(alias)
    return (
        f"{alias} listens at {address} until interrupted (Ctrl-C): any client of OpenAI's interface can ask it, and "
        f"policytwin with --engine openai --model {alias} --base-url {address}."
    ) + (f" It has {caution}" if caution else "")


def _state(model: LocalModel) -> str:
    if model.file is None:
        return f"no: policytwin models fetch ({model.megabytes:.0f} MB)"
    return f"yes, {model.megabytes:.0f} MB" + (" (NOT the known weights)" if model.checked is False else "")

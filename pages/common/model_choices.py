"""Which language model is asked: its name, its server, whether its key is there, or whose kept answers are replayed."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.cognition.llm.local_weights import caution_of
from core.cognition.llm.prices import load_prices
from core.cognition.llm.prompts import base_version
from core.cognition.registry import ENGINES, REPLAY
from core.errors import InputError
from core.services.language.local_models import local_models, model_is_here
from core.services.language.recordings import Recording, recordings
from core.services.language.servers import (
    EXAMPLE,
    adopt_servers,
    checked_server,
    in_links,
    key_state,
    listed_servers,
)
from core.services.studies.requests import LOGPROBS, PERCENTS, ModelOptions
from core.study import Study
from pages.common.address import arrived, from_address, into_address, key_of, leave_out, pick, type_text
from pages.common.door import may_spend_keys, opened_from_here
from pages.common.shell import Workspace, plain_text

OWN_SERVER, OTHER_SERVER = "own", "other"


def model_choice(study: Study, engine: str) -> ModelOptions | None:
    """Model and server of an engine that asks; None where something is missing. A key may still be (`may_be_asked`): what
    it would cost is said without one."""
    if ENGINES[engine].here:
        return _model_here(study, engine)
    left, right = st.columns([1, 1], vertical_alignment="top")
    with left:
        priced = sorted({item.model for item in load_prices() if item.engine == engine and "*" not in item.model})
        model = type_text(
            study, f"{engine}-model", "Model", "", max_chars=200,
            placeholder=f"for example {priced[-1]}" if priced else "as the server calls it",
            help="The name that the provider or the server has for it. Prices are known of: " + ", ".join(priced) + ".",
        )  # fmt: skip
    base_url = None
    with right:
        if engine == "openai":
            try:
                base_url = _server(study)
            except InputError as wrong:
                st.error(plain_text(str(wrong)), icon=":material/error:")
                return None
    key = key_state(engine)
    needed = base_url is None
    if key.present or not needed:
        text = key.text if key.present else "No key is set; servers on this machine mostly need none."
        st.caption(f":material/key: {plain_text(text)}")
    else:
        st.warning(plain_text(key.text), icon=":material/key_off:")
    if key.present and not may_spend_keys():
        st.warning(
            "You reach this page from elsewhere, so it does not ask with its owner's key. Log in, or run PolicyTwin on your "
            "own machine with your own key.",
            icon=":material/key_off:",
        )
    if not model:
        st.info("Name the model to be asked.", icon=":material/edit:")
        return None
    return ModelOptions(engine=engine, model=model, base_url=base_url)


def _model_here(study: Study, engine: str) -> ModelOptions | None:
    """A model of this machine, by its name."""
    found = local_models()
    names = [item.name for item in found.models]
    model = pick(study, f"{engine}-model", "Model", names, str, ENGINES[engine].usual_model, keep=True)
    caution = caution_of(model)
    if caution is not None:
        st.warning(f"{model} has {caution}", icon=":material/science:")
    if not found.ready:
        st.info("Nothing runs models here yet: `pip install 'policytwin[local]'`.", icon=":material/download:")
    elif not model_is_here(model):
        st.info(f"Its weights are not here yet: `policytwin models fetch {model}`.", icon=":material/download:")
    return ModelOptions(engine=engine, model=model)


def may_be_asked(asking: ModelOptions) -> bool:
    """Whether the key that a provider wants is there; a replay and a server of one's own need none, and a model of this
    machine needs its weights."""
    if asking.replays:
        return True
    if ENGINES[asking.engine].here:
        return model_is_here(asking.model)
    key = key_state(asking.engine).present
    if not may_spend_keys():
        # A server that needs no key may be asked by everybody whom its address may be shown to.
        return asking.base_url is not None and not key
    return asking.base_url is not None or key


def _server(study: Study) -> str | None:
    """The address of an OpenAI-compatible server; None for OpenAI's own. InputError for one that may not be asked."""
    if st.secrets.load_if_toml_exists():
        adopt_servers(st.secrets)
    listed = listed_servers()
    words = {OWN_SERVER: "OpenAI's own", **{item: item for item in listed}, OTHER_SERVER: "Another address"}
    # A link may name an address that nobody listed; it is taken only where no key could be led astray.
    linked = st.query_params.get("address")
    usual = OTHER_SERVER if linked and "server" not in st.query_params else OWN_SERVER
    if usual == OTHER_SERVER and arrived("address"):
        st.session_state[key_of(study, "server")] = OTHER_SERVER
    chosen = pick(study, "server", "Server", list(words), lambda name: words[name], OWN_SERVER, keep=True)
    if chosen != OTHER_SERVER:
        leave_out("address")
        return None if chosen == OWN_SERVER else chosen

    def parse(text: str) -> str:
        try:
            address = checked_server(text, from_here=False)
        except InputError:
            raise ValueError(text) from None
        return address

    key = from_address(study, "address", "", parse, keep=True)
    st.session_state[key] = str(st.session_state[key])
    text = st.text_input(
        "Server address", key=key, placeholder=EXAMPLE, max_chars=500,
        help="Scheme, host and path. A key is never part of it; it goes into the environment.",
    )  # fmt: skip
    if not text:
        leave_out("address")
        raise InputError("is missing", where="server address", allowed=f"an address such as {EXAMPLE}")
    address = checked_server(text, from_here=opened_from_here())
    if in_links(address):
        into_address("address", address, "", keep_for=study)
    else:
        leave_out("address")
    return address


def recorded_choice(workspace: Workspace, survey: bool = False) -> ModelOptions | None:
    """The recording to replay: of questions about days of a study, or of a `survey`."""
    known: dict[str, Recording] = {item.key: item for item in recordings(workspace.store, survey=survey)}
    if not known:
        st.info(
            "No answers of a language model are kept in this store yet. Ask one first, or take in somebody's answers with "
            "`policytwin cache import FILE`.",
            icon=":material/inventory_2:",
        )
        return None
    options = list(known)
    chosen = known[
        pick(
            workspace.study,
            "survey-recording" if survey else "recording",
            "Recorded answers",
            options,
            lambda name: known[name].label,
            options[0],
            keep=True,
        )
    ]
    way = ModelOptions(
        engine=REPLAY,
        of=chosen.engine,
        model=chosen.model,
        base_url=chosen.base_url,
        temperature=chosen.temperature,
        seed=chosen.seed,
        samples=chosen.samples,
        max_output_tokens=chosen.max_output_tokens,
        read=LOGPROBS if chosen.letters else PERCENTS,
    )
    return way if survey else replace(way, design=chosen.design, prompts=base_version(chosen.prompts))

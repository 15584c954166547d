"""What a worker process does with the small model: it was started before the tests fetched the weights."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from core.cognition.engine import ResponseEngine
from core.cognition.llm.local_weights import MODELS_VARIABLE


def answers_with(models: str, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
    """The engine's answers, with the weights in the folder `models`."""
    os.environ[MODELS_VARIABLE] = models
    return engine.respond(personas, contexts)

"""Where things are on this machine: shipped data, real data, the store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from core.errors import InputError

#: Folder of real observations; absent on most machines, so everything that reads it must cope.
DATA_VARIABLE = "POLICYTWIN_DATA"
#: Overrides the place of the DuckDB file.
STORE_VARIABLE = "POLICYTWIN_DB"
#: Overrides the folder of the user's own studies.
STUDIES_VARIABLE = "POLICYTWIN_STUDIES"
#: Set where the dashboard is served for reading only.
READ_ONLY_VARIABLE = "POLICYTWIN_READ_ONLY"
#: Set to "open" where visitors from other machines may see aggregates of real people.
RESPONDENTS_VARIABLE = "POLICYTWIN_RESPONDENTS"
#: The dask cluster that does the work where no command line names one.
CLUSTER_VARIABLE = "POLICYTWIN_CLUSTER"
#: Where the keys of model providers are, in the order in which they are looked for.
KEY_VARIABLES = {"gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "openai": ("OPENAI_API_KEY",)}


@cache
def project_root() -> Path:
    """The folder that holds `app.py`, `pages/` and `data/`: the checkout, or the bundle inside an installed wheel."""
    package = Path(__file__).resolve().parent
    bundle = package / "_bundle"
    return bundle if bundle.is_dir() else package.parent


def shipped_data() -> Path:
    """The project's own data: study files, marginals, coefficients and the fictional country."""
    return project_root() / "data"


def user_data() -> Path:
    """The platform's folder for this user's PolicyTwin files."""
    import platformdirs

    return Path(platformdirs.user_data_dir("policytwin", appauthor=False))


def user_studies() -> Path:
    """The folder of the user's own studies, each in a folder of its id; it need not be there."""
    named = os.environ.get(STUDIES_VARIABLE)
    return _from_here(named) if named else user_data() / "studies"


def observed_data(folder: str | Path | None = None) -> Path | None:
    """The folder of real observations: `folder`, else the environment's, else where `policytwin data fetch` puts them.

    None where no such folder exists: the embedded study needs none.
    """
    named = folder if folder is not None else os.environ.get(DATA_VARIABLE)
    if named:
        return _from_here(named)
    fetched = user_data() / "observed"
    return fetched if fetched.is_dir() else None


def store_path(path: str | Path | None = None) -> Path:
    """The DuckDB file: `path`, else the environment's, else the platform's user data folder."""
    named = path if path is not None else os.environ.get(STORE_VARIABLE)
    return _from_here(named) if named else user_data() / "policytwin.duckdb"


def _from_here(path: str | Path) -> Path:
    """A path as whoever named it means it, also for a process that works in another folder."""
    return Path(path).expanduser().absolute()


def api_key(name: str) -> str | None:
    """The key of a provider (gemini, openai) from the environment, or None. Nothing else may hold one.

    InputError for a value that no header can carry; the message names the variable and not its value.
    """
    for variable in KEY_VARIABLES[name]:
        key = os.environ.get(variable, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise InputError(
                "the value has characters that no key has", where=variable, allowed="a key as the provider shows it"
            )
        if key:
            return key
    return None


def withhold_keys() -> None:
    """Takes the keys out of this process's environment: nobody who reaches it may spend them."""
    for variables in KEY_VARIABLES.values():
        for variable in variables:
            os.environ.pop(variable, None)


def adopt_keys(secrets: Mapping[str, object]) -> None:
    """Puts keys that a page was given (Streamlit's secrets, say) into the environment, where it has none of that name."""
    for variable in (variable for variables in KEY_VARIABLES.values() for variable in variables):
        value = secrets.get(variable)
        if isinstance(value, str) and value.strip():
            os.environ.setdefault(variable, value.strip())


#: Browsers that are driven and that print to PDF without a window, by the names under which systems install them.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)


def browser_program() -> str | None:
    """The program of a Chromium on this machine; None where there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def read_only() -> bool:
    """Whether the dashboard is served for reading only."""
    return bool(os.environ.get(READ_ONLY_VARIABLE))

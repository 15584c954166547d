"""Observations: importers for the providers' layouts and users' own files, checks, and fetching."""

from core.datasets.checks import FileReport, check_file
from core.datasets.fetch import Fetched, fetch_uae
from core.datasets.observed import ObservedData, load_observed
from core.datasets.tables import read_cases, read_mobility, read_policy

__all__ = [
    "Fetched",
    "FileReport",
    "ObservedData",
    "check_file",
    "fetch_uae",
    "load_observed",
    "read_cases",
    "read_mobility",
    "read_policy",
]

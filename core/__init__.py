"""PolicyTwin's engine: everything the dashboard and the command line share, without a UI."""

__version__ = "0.1.0"

"""What worker processes compute with, imported once, in the process that they are forked from; nothing else imports this."""

import os
from importlib import import_module

# Before NumPy: a library that starts with one thread has none to lose when it is forked.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

# Named, for they stand above: the last brings simulation, calibration, forecasting and counterfactuals along.
for _name in ("sklearn.linear_model", "sklearn.ensemble", "core.validity.known_worlds"):
    import_module(_name)

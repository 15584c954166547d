"""People of whom something is not known: everybody counts as the population's average of it.

Of a trait that is the mean by weight. Of an attribute it is the mix of its categories, and since nobody can be written
down as 12% craft worker, the attribute's column gives way to one column per category, named `attribute=category`, that
holds the category's share for everybody. An engine that reads features takes such a column as the value of the feature,
so that in log-odds everybody has the average effect of the attribute and nobody a different one.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.errors import one_of


def averaged(personas: pd.DataFrame, attributes: Sequence[str] = (), traits: Sequence[str] = ()) -> pd.DataFrame:
    """The same people and weights, with these attributes and traits the same for everybody: the average by weight.

    Rows and their order stay. Each attribute's column is replaced by its share columns (floats that sum to 1), which come
    last; texts, which would still tell what is left out, are dropped. InputError for a column that is not there.
    """
    for name in (*attributes, *traits):
        one_of(name, personas.columns, what="attribute or trait", where="personas")
    weight = personas["weight"].to_numpy(dtype=float)
    weight = weight / weight.sum()
    kept = personas.drop(columns=[*attributes, "text"], errors="ignore")
    means = {name: float((kept[name].to_numpy(dtype=float) * weight).sum()) for name in traits}
    shares = {
        f"{name}={category}": float(share)
        for name in attributes
        for category, share in pd.Series(weight).groupby(personas[name].astype(str).to_numpy()).sum().items()
    }
    return kept.assign(**means, **shares)

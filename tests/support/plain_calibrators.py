"""The methods of SYN-DIGITS as their definitions read: one question at a time, every matrix made anew, iterated to the end."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.neural_network import MLPRegressor

from core.survey.calibration.methods.neural import Nets, NeuralTransfer


def standard(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    spread = np.where(spread < 1, 1.0, spread)
    return (table - mean) / spread, mean, spread


def soft_impute(table: np.ndarray, rank: int, shrinkage: float) -> np.ndarray:
    """Refill and decompose until nothing moves (Mazumder et al. 2010)."""
    penalty = shrinkage * (np.sqrt(table.shape[0]) + np.sqrt(table.shape[1]))
    seen = ~np.isnan(table)
    filled = np.where(seen, table, 0.0)
    for _ in range(200_000):
        u, size, v = np.linalg.svd(filled, full_matrices=False)
        low = (u[:, :rank] * np.maximum(size[:rank] - penalty, 0)) @ v[:rank]
        new = np.where(seen, table, low)
        if np.abs(new - filled).max() < 1e-11:
            return low
        filled = new
    raise AssertionError("did not converge")


def plain_sides(twins: np.ndarray, people: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(twins' donors, twins' target, people's donors) on their scales, complete; the people's column is not read."""
    others = [place for place in range(twins.shape[1]) if place != column]
    filled = np.where(np.isnan(twins), np.nanmean(twins, axis=0), twins)
    x, _, _ = standard(filled)
    table, _, _ = standard(np.where(np.arange(people.shape[1]) == column, 0.0, people))
    table[:, column] = np.nan
    z, _, _ = standard(np.where(np.isnan(table), soft_impute(table, 5, 0.2), table)[:, others])
    return x[:, others], x[:, column], z


def plain_answers(name: str, method, twins: np.ndarray, people: np.ndarray, column: int) -> np.ndarray:
    """People's answers to the column, as this method predicts them, in the question's own unit."""
    x, y, z = plain_sides(twins, people, column)
    n = len(x)
    filled = np.where(np.isnan(twins), np.nanmean(twins, axis=0), twins)
    mean, spread = filled[:, column].mean(), max(filled[:, column].std(), 1.0)
    if name == "ridge":
        found = Ridge(alpha=method.penalty).fit(x, y).predict(z)
    elif name == "lasso":
        found = Lasso(alpha=method.sparsity / n, tol=1e-12, max_iter=10**6).fit(x, y).predict(z)
    elif name == "elastic_net":
        whole = method.sparsity + method.penalty
        net = ElasticNet(alpha=whole / n, l1_ratio=method.sparsity / whole, tol=1e-12, max_iter=10**6)
        found = net.fit(x, y).predict(z)
    elif name == "synthetic_control":
        found = z @ _on_simplex(x, y, method.penalty)
    elif name == "synthetic_intervention":
        lead = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][: method.rank].T
        found = Ridge(alpha=method.penalty).fit(x @ lead, y).predict(z @ lead)
    elif name == "synthetic_prior":
        table, _, _ = standard(np.where(np.arange(people.shape[1]) == column, 0.0, people))
        table[:, column] = np.nan
        empty = np.isnan(table)
        full = np.where(empty, 0.0, table)
        full[:, column] = y - y.mean()
        for _ in range(method.steps):
            u, size, v = np.linalg.svd(full, full_matrices=False)
            full = np.where(empty, (u[:, : method.rank] * size[: method.rank]) @ v[: method.rank], full)
        found = full[:, column] + y.mean()
    elif name == "neural_net":
        found = _net(method, x, y, z, column)
    else:
        ours, _, _ = standard(np.where(np.arange(twins.shape[1]) == column, 0.0, people))
        ours[:, column] = np.nan
        theirs, means, spreads = standard(twins)
        low = soft_impute(np.vstack([ours, theirs]), min(method.rank, *people.shape), method.shrinkage)
        return low[:n, column] * spreads[column] + means[column]
    return found * spread + mean


def _on_simplex(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    inner = x.T @ x + penalty * np.eye(x.shape[1])
    found = minimize(
        lambda w: 0.5 * w @ inner @ w - w @ (x.T @ y), np.full(x.shape[1], 1 / x.shape[1]),
        jac=lambda w: inner @ w - x.T @ y, bounds=[(0, 1)] * x.shape[1], method="SLSQP",
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    return found.x


def _net(method: NeuralTransfer, x: np.ndarray, y: np.ndarray, z: np.ndarray, column: int) -> np.ndarray:
    """scikit-learn's net of the same first weights, fed the same batches one by one."""
    n, random = len(x), np.random.default_rng(method.seed)
    first = Nets.drawn(x.shape[1] + 1, np.array([column]), method.hidden, method.seed)
    net = MLPRegressor(
        hidden_layer_sizes=(method.hidden,), solver="adam", learning_rate_init=method.rate,
        alpha=method.weight_decay * min(method.batch, n) / 2, batch_size=min(method.batch, n), shuffle=False,
    )  # fmt: skip
    net.partial_fit(x, y)
    net.coefs_ = [np.delete(first.first, column, axis=0).astype(float), first.second.T.astype(float)]
    net.intercepts_ = [first.bias.astype(float), first.level.astype(float)]
    del net._optimizer
    best, found = np.inf, None
    for _ in range(method.epochs):
        order, loss = random.permutation(n), 0.0
        for begin in range(0, n, method.batch):
            rows = order[begin : begin + method.batch]
            loss += float(((net.predict(x[rows]) - y[rows]) ** 2).sum())
            net.partial_fit(x[rows], y[rows])
        if loss < best:
            best, found = loss, net.predict(z)
    assert found is not None
    return found

"""The Inception score (Salimans et al. 2016, section 4): how sure, and how varied, a classifier is of images."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax


def scores(logits: np.ndarray, splits: int) -> np.ndarray:
    """Return the score of each of some parts of the images, in their order; their mean is the usual value.

    Parameters
    ----------
    logits
        float (images, classes), in an order without meaning.
    splits
        How many parts of nearly equal size, 1 or more; 10 is usual.

    Returns
    -------
    float64 (splits,), each from 1 to the number of classes
    """
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    return np.array([_score(part) for part in np.array_split(log_p, splits)])


def _score(log_p: np.ndarray) -> float:
    p = np.exp(log_p)
    divergence = (p * (log_p - np.log(p.mean(axis=0)))).sum(axis=1)
    return float(np.exp(divergence.mean()))

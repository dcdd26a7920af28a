"""How often a threshold that was chosen for a precision reaches it on new texts.

`python -m tests.studies.thresholds [--draws N]` draws calibrated probabilities and labels, chooses a
threshold for precision 0.95 on each draw, and computes its precision on the whole distribution. A row per
setting shows the share of draws that are refused and, for the others, the share that reaches the precision,
the mean precision and the mean recall (nan if all draws are refused). The logits are normally distributed
with the standard deviation of the row.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from keras_sentiment.errors import InputError
from keras_sentiment.metrics.thresholds import with_precision

SETTINGS = ((2499, 0.5), (250, 0.5), (2499, 0.05), (250, 0.05), (1000, 0.01), (20_000, 0.05))
DEVIATIONS = (2.5, 3.5, 5.0)
LEAST = 0.95
_POPULATION = 400_000


def population(share: float, deviation: float) -> np.ndarray:
    """Returns probabilities float64[texts] in increasing order; their mean is the share of the label."""
    normal = deviation * np.random.default_rng(1).normal(size=_POPULATION)
    mean = brentq(lambda each: expit(each + normal).mean() - share, -40, 10)
    return np.sort(expit(mean + normal))


def measure(texts: int, share: float, deviation: float, draws: int) -> tuple[float, float, float, float]:
    """Returns the share of refused draws; of the others, the share that reaches it, and mean values."""
    scores = population(share, deviation)
    above = np.cumsum(scores[::-1])[::-1]  # expected texts with the label from each probability on
    rng = np.random.default_rng(texts)
    found = []
    for _ in range(draws):
        drawn = rng.choice(scores, texts)
        try:
            threshold = with_precision(drawn, rng.random(texts) < drawn, LEAST).value
        except InputError:
            continue
        place = int(np.searchsorted(scores, threshold))
        found.append((above[place] / (_POPULATION - place), above[place] / above[0]))
    if not found:
        return 1.0, np.nan, np.nan, np.nan
    precision, recall = np.array(found).T
    return 1 - len(found) / draws, float((precision >= LEAST).mean()), precision.mean(), recall.mean()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=300)
    arguments = parser.parse_args()
    print(f"{'sd':>4}{'texts':>8}{'share':>7}{'refused':>9}{'reached':>9}{'precision':>11}{'recall':>8}")
    for deviation in DEVIATIONS:
        for texts, share in SETTINGS:
            refused, reached, precision, recall = measure(texts, share, deviation, arguments.draws)
            print(
                f"{deviation:4}{texts:8,}{share:7.0%}{refused:9.1%}{reached:9.1%}{precision:11.3f}{recall:8.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

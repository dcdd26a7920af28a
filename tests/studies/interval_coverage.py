"""The coverage of 95% confidence intervals, on test sets from distributions whose true metrics are known.

    python -m tests.studies.interval_coverage --draws 300

prints a row per setting and a column per metric: the percentage of intervals that contain the true value and,
after a slash, the percentage of draws without an interval.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from keras_sentiment.decision import Decision
from keras_sentiment.metrics.calibration_error import bin_count, equal_mass_bins
from keras_sentiment.metrics.figures import compare, evaluate_logits

FIGURES = ("accuracy", "precision", "recall", "f1 each", "f1", "roc_auc", "loss", "brier", "ece", "class_ece")
FIGURES += ("mean_absolute_error", "within_one", "difference")
HEADS = ("accur", "precis", "recall", "f1each", "f1mean", "auc", "loss", "brier", "ece", "c-ece")
HEADS += ("mae", "within", "differ")
GROUP_SIZE = 5  # on average


@dataclass(frozen=True)
class Setting:
    """A distribution of reviews and the logits of a model for them.

    Args:
        name: the name in the table.
        texts: the number of texts in a test set.
        shares: the shares of the labels, in any unit.
        signal: the distance between labels, in standard deviations.
        boldness: a factor on the calibrated logits; above 1 the model is overconfident.
        likeness: the standard deviation of the part that all reviews of a group share; 0 means no groups.
    """

    name: str
    texts: int
    shares: tuple[float, ...]
    signal: float = 1.5
    boldness: float = 1.0
    likeness: float = 0.0

    @property
    def decision(self) -> Decision:
        """The labels are numbers, so that the ordinal metrics are computed too."""
        return Decision([str(label + 1) for label in range(len(self.shares))])

    def draw(self, texts: int, rng: np.random.Generator):
        """Returns logits, labels, groups or `None`, and whether a second model is correct on each text."""
        shares = np.array(self.shares) / sum(self.shares)
        number = len(shares)
        labels = rng.choice(number, texts, p=shares)
        seen, groups = rng.normal(size=(texts, number)), None
        if self.likeness:
            sizes = rng.geometric(1 / GROUP_SIZE, texts)
            groups = np.repeat(np.arange(texts), sizes)[:texts]
            seen += self.likeness * rng.normal(size=(texts, number))[groups]
            # 40% of the reviews take the label of their group.
            labels = np.where(rng.random(texts) < 0.4, rng.choice(number, texts, p=shares)[groups], labels)
        seen[np.arange(texts), labels] += self.signal
        # Bayes' rule for normal distributions around one point per label.
        logits = self.signal * seen + np.log(shares)
        rival = (logits + self.signal * rng.normal(size=(texts, number))).argmax(axis=1)
        return logits * self.boldness, labels, groups, rival == labels


def settings() -> list[Setting]:
    """Returns the settings of the table."""
    two, rare, five, skewed, many = (1, 1), (99, 1), (1,) * 5, (56, 30, 10, 3, 1), (1,) * 150
    found = []
    for boldness, how in ((1.0, "calibrated"), (3.0, "overconfident")):
        found += [Setting(f"2, {how}", n, two, 1.5, boldness) for n in (20, 100, 500, 2500)]
        found += [Setting(f"2, 99:1, {how}", n, rare, 2.0, boldness) for n in (20, 250, 1000, 2500)]
        found += [Setting(f"2, 98% right, {how}", n, two, 3.0, boldness) for n in (20, 250, 2500)]
        found += [Setting(f"5, {how}", n, five, 1.5, boldness) for n in (20, 100, 500, 2500)]
        found += [Setting(f"5, 1% to 56%, {how}", n, skewed, 1.5, boldness) for n in (100, 500)]
        found += [Setting(f"150, {how}", n, many, 2.5, boldness) for n in (150, 600, 2500)]
        found += [Setting(f"2, groups, {how}", n, two, 1.5, boldness, 0.7) for n in (100, 500, 2500)]
        found += [Setting(f"5, groups, {how}", n, five, 1.5, boldness, 0.7) for n in (100, 500)]
    return found


def truth(setting: Setting, texts: int) -> dict[str, np.ndarray]:
    """Returns the metrics of a very large sample, with one value per label where a metric has it."""
    number = len(setting.shares)
    logits, labels, _, rival = setting.draw(texts, np.random.default_rng(10**6))
    p = setting.decision.probabilities(logits)
    predicted = p.argmax(axis=1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(number), zero_division=0
    )
    columns = range(number) if number > 2 else [1]
    areas = np.array([metrics.roc_auc_score(labels == c, p[:, c]) for c in columns])
    bins, distance = bin_count(setting.texts), np.abs(predicted - labels)
    of_all = np.mean([_square(labels == c, p[:, c], bins) for c in columns])
    return {
        "accuracy": np.mean(predicted == labels),
        "precision": precision,
        "recall": recall,
        "f1 each": f1,
        "roc_auc": areas,
        "loss": metrics.log_loss(labels, p),
        "brier": metrics.brier_score_loss(labels, p, labels=range(number)),
        "ece": math.sqrt(max(_square(predicted == labels, p.max(axis=1), bins), 0)),
        "class_ece": math.sqrt(max(of_all, 0)),
        "mean_absolute_error": distance.mean(),
        "within_one": (distance <= 1).mean(),
        "difference": np.mean(predicted == labels) - rival.mean(),
    }


def _square(happened: np.ndarray, scores: np.ndarray, number: int) -> float:
    """Returns the mean squared calibration gap of bins, less its expected noise."""
    bins, total = equal_mass_bins(scores, max(number, 1)), 0.0
    for each in range(bins.max() + 1):
        gaps = (happened - scores)[bins == each]
        if len(gaps) > 1:
            total += len(gaps) / len(bins) * (gaps.mean() ** 2 - gaps.var(ddof=1) / len(gaps))
    return total


@dataclass
class Tally:
    """Counts intervals of a metric: all, absent, and those that hold the true value, also at half width."""

    held: int = 0
    given: int = 0
    absent: int = 0
    held_by_half: int = 0

    def add(self, interval: list[float] | None, figure: float | None, true: float) -> None:
        """Counts an interval."""
        if interval is None or figure is None:
            self.absent += 1
            return
        low, high = interval
        self.given += 1
        self.held += low <= true <= high
        self.held_by_half += (low + figure) / 2 <= true <= (high + figure) / 2

    def __str__(self) -> str:
        absent = round(100 * self.absent / max(1, self.absent + self.given))
        held = f"{100 * self.held / self.given:.0f}" if self.given else "-"
        return held + (f"/{absent}" if absent else "")


def cover(setting: Setting, draws: int, texts_of_truth: int) -> dict[str, Tally]:
    """Returns the coverage of the intervals of each metric."""
    true, rng = truth(setting, texts_of_truth), np.random.default_rng(0)
    tallies = {name: Tally() for name in FIGURES}
    names = setting.decision.labels
    for _ in range(draws):
        logits, labels, groups, rival = setting.draw(setting.texts, rng)
        found = evaluate_logits(logits, labels, setting.decision, groups)
        intervals, ordinal = found["intervals"], found["ordinal"] or {}
        for kind, short in (("precision", "precision"), ("recall", "recall"), ("f1 each", "f1")):
            for label, name in enumerate(names):
                figure = found[f"{short}_per_class"][name]
                tallies[kind].add(intervals[f"{short}_{name}"], figure, true[kind][label])
        # The mean is over the labels that occur in the draw.
        there = [found["f1_per_class"][name] is not None for name in names]
        tallies["f1"].add(intervals["f1"], found["f1"], true["f1 each"][there].mean())
        present = np.unique(labels) if len(names) > 2 else [0]
        tallies["roc_auc"].add(intervals["roc_auc"], found["roc_auc"], true["roc_auc"][present].mean())
        for name in ("accuracy", "loss", "brier", "ece", "class_ece"):
            tallies[name].add(intervals[name], found[name], true[name])
        for name in ("mean_absolute_error", "within_one"):
            tallies[name].add(intervals[name], ordinal.get(name), true[name])
        right = setting.decision.correct(logits, labels)
        against = compare(right, rival, groups)
        tallies["difference"].add(against["difference_ci95"], against["difference"], true["difference"])
    return tallies


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--only", default="", help="only settings whose name contains this text")
    options = parser.parse_args()
    print("held/absent in %".ljust(28) + " texts " + " ".join(head.rjust(7) for head in HEADS))
    for setting in settings():
        if options.only in setting.name:
            texts = 1_000_000 if len(setting.shares) <= 5 else 100_000
            cells = [str(tally).rjust(7) for tally in cover(setting, options.draws, texts).values()]
            print(f"{setting.name:28} {setting.texts:5,} {' '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()

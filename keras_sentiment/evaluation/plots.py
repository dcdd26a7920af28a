"""The plots of a report, as SVG that takes its text colour from the page."""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from sklearn.metrics import roc_curve

from keras_sentiment.escaping import html
from keras_sentiment.metrics.calibration_error import equal_mass_bins

MOST_CURVES = 8  # more can't be told apart
MOST_LETTERS = 24  # of a label in a legend
WIDTH, HEIGHT, LEGEND_ROW = 4.7, 3.2, 0.22  # inches
# Stands for the text colour of the page, so that a dark page has light axes.
_INK = "#010203"
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # and a label with dollars is no formula
    "svg.hashsalt": "keras-sentiment",  # the same picture is the same file
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Each has a contrast of 3 or more with a light and with a dark page.
    "axes.prop_cycle": cycler(linestyle=["-", "--"])
    * cycler(color=["#2f7ec4", "#d97a1f", "#3a9c63", "#b0509a", "#7d7f86", "#a58b1c"]),
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}


@contextlib.contextmanager
def _axes(x: str, y: str) -> Iterator[Axes]:
    """Gives the axes of a new figure, in this module's style; pyplot and its global state stay out of it."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        yield figure.add_subplot(xlabel=x, ylabel=y)


def _legend(axes: Axes, lines: Sequence[Any], names: Sequence[str]) -> None:
    """Puts a legend above the axes, where it hides no curve, and makes the figure higher by as much."""
    figure: Any = axes.figure
    columns = 2 if sum(map(len, names)) / len(names) < 20 else 1
    rows = -(-len(names) // columns)
    figure.set_size_inches(WIDTH, HEIGHT + rows * LEGEND_ROW)
    # Given with its lines, a name that begins with _ is shown too.
    figure.legend(lines, names, loc="outside upper left", ncols=columns, borderaxespad=0)


def _svg(axes: Axes, alt: str) -> str:
    """Returns a figure as an element of an HTML page, with a text alternative."""
    file = io.StringIO()
    figure: Any = axes.figure
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings():
        # The font that measures a text may lack its letters; the browser has them.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    # The page says how wide it is; the viewBox keeps its shape.
    text = re.sub(r'<svg width="[^"]*" height="[^"]*"', "<svg", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{html(alt)}"', 1)


def roc(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], alt: str) -> str:
    """Draws the ROC curve of each class against the rest; of the second class alone where there are two.

    Args:
        labels: int[reviews].
        probabilities: float[reviews, num_classes].
        names: of the classes.
        alt: text alternative.
    """
    lines: list[Any] = []
    drawn: list[str] = []
    shown = [1] if len(names) == 2 else range(len(names))
    with _axes("false positive rate", "true positive rate") as axes:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        for label in shown:
            if 0 < (labels == label).sum() < len(labels):
                false_positives, true_positives, _ = roc_curve(labels == label, probabilities[:, label])
                lines += axes.plot(false_positives, true_positives)
                drawn.append(
                    names[label] if len(names[label]) <= MOST_LETTERS else f"{names[label][:MOST_LETTERS]}…"
                )
        axes.set_aspect("equal")
        _legend(axes, lines, drawn)
        return _svg(axes, alt)


def reliability(labels: np.ndarray, curves: Sequence[tuple[str, np.ndarray]], alt: str) -> str:
    """Draws accuracy against confidence, the probability of the most probable label.

    Args:
        labels: int[reviews].
        curves: a name and probabilities, float[reviews, num_classes], of one or two.
        alt: text alternative.
    """
    lines: list[Any] = []
    with _axes("confidence", "accuracy") as axes:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        for (_, probabilities), style in zip(curves, ("s-", "o--"), strict=False):
            confidence = probabilities.max(axis=1)
            right = probabilities.argmax(axis=1) == labels
            bins = equal_mass_bins(confidence)
            counts = np.bincount(bins)
            held = counts > 0
            means = [np.bincount(bins, v)[held] / counts[held] for v in (confidence, right)]
            lines += axes.plot(*means, style, linewidth=1.5)
        lowest = 1 / curves[0][1].shape[1]
        axes.set_xlim(lowest - 0.02, 1.02)
        axes.set_ylim(bottom=max(0, min(lowest - 0.1, *(line.get_ydata().min() - 0.05 for line in lines))))
        if len(curves) > 1:
            _legend(axes, lines, [name for name, _ in curves])
        return _svg(axes, alt)


def _finite(value: float) -> float:
    """Returns NaN, which is not drawn, for what is infinite."""
    return value if math.isfinite(value) else math.nan


def learning(history: Sequence[dict[str, float]], name: str, train: str, alt: str) -> str:
    """Draws `loss` or `accuracy` of train and validation over the epochs.

    Args:
        history: rows of `history.csv`.
        name: of the two.
        train: what to call the train curve.
        alt: text alternative.
    """
    epochs = [row["epoch"] for row in history]
    with _axes("epoch", "log loss" if name == "loss" else name) as axes:
        # A loss that is not a number leaves a gap.
        lines = axes.plot(epochs, [_finite(row[name]) for row in history], "o-")
        lines += axes.plot(epochs, [_finite(row[f"val_{name}"]) for row in history], "s--")
        axes.set_xticks(epochs[:: 1 + len(epochs) // 10])
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        _legend(axes, lines, [train, "validation"])
        return _svg(axes, alt)


def lengths(rows: Sequence[dict[str, Any]], names: Sequence[str], alt: str) -> str:
    """Draws accuracy by length with its intervals.

    Args:
        rows: of `accuracy_by_length`.
        names: of the ranges of lengths.
        alt: text alternative.
    """
    with _axes("length in tokens", "accuracy") as axes:
        middle = np.array([row["accuracy"] for row in rows])
        low, high = np.array([row["accuracy_ci95"] for row in rows]).T
        axes.errorbar(
            range(len(rows)), middle, yerr=[middle - low, high - middle], fmt="o", capsize=4, linewidth=1.5
        )
        axes.set_xticks(range(len(rows)), names)
        axes.margins(x=0.15)
        return _svg(axes, alt)

"""The pictures of a report, drawn as SVG that takes its text colour from the page."""

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
MOST_LETTERS = 24  # of a label beside its curve
# Of what has no colour of its own; replaced by the page's, so that a dark page has light axes.
_INK = "#010203"
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # and a label with dollars is no formula
    "svg.hashsalt": "keras-sentiment",  # the same picture is the same file
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=["#2f7ec4", "#d97a1f", "#3a9c63", "#b0509a", "#7d7f86", "#a58b1c"]),
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
        yield Figure(figsize=(4.7, 3.5), layout="constrained").add_subplot(xlabel=x, ylabel=y)


def _svg(axes: Axes, alt: str) -> str:
    """Returns a drawing as an element of an HTML page, with what it shows for who can't see it."""
    file = io.StringIO()
    figure: Any = axes.figure
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings():
        # The font that measures a text may lack its letters; the reader's browser writes them.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    # The page says how wide it is; the viewBox keeps its shape.
    text = re.sub(r'<svg width="[^"]*" height="[^"]*"', "<svg", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{html(alt)}"', 1)


def roc(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], alt: str) -> str:
    """Draws the ROC curve of each class against the rest; of the second class alone where there are two."""
    lines: list[Any] = []
    told: list[str] = []
    shown = [1] if len(names) == 2 else range(len(names))
    with _axes("share of the others taken for it", "share of it found") as axes:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        for label in shown:
            if 0 < (labels == label).sum() < len(labels):
                found, missed, _ = roc_curve(labels == label, probabilities[:, label])
                lines += axes.plot(found, missed)
                told.append(
                    names[label] if len(names[label]) <= MOST_LETTERS else f"{names[label][:MOST_LETTERS]}…"
                )
        axes.set_aspect("equal")
        axes.legend(lines, told, loc="lower right")  # given so, a name that begins with _ is shown too
        return _svg(axes, alt)


def reliability(labels: np.ndarray, before: np.ndarray, after: np.ndarray, alt: str) -> str:
    """Draws how often the chosen label is right against how sure the model was.

    Args:
        before: float[reviews, num_classes], probabilities at temperature 1.
        after: those of the run.
    """
    with _axes("probability of the most probable label", "share that is right") as axes:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        for name, probabilities, style in (("before", before, "o--"), ("after calibration", after, "s-")):
            confidence = probabilities.max(axis=1)
            right = probabilities.argmax(axis=1) == labels
            bins = equal_mass_bins(confidence)
            counts = np.bincount(bins)
            held = counts > 0
            means = [np.bincount(bins, v)[held] / counts[held] for v in (confidence, right)]
            axes.plot(*means, style, label=name, linewidth=1.5)
        lowest = 1 / before.shape[1]
        axes.set_xlim(lowest - 0.02, 1.02)
        axes.set_ylim(bottom=max(0, lowest - 0.1))
        axes.legend(loc="upper left")
        return _svg(axes, alt)


def _finite(value: float) -> float:
    """Returns NaN, which is not drawn, for what is infinite."""
    return value if math.isfinite(value) else math.nan


def learning(history: Sequence[dict[str, float]], name: str, train: str, alt: str) -> str:
    """Draws `loss` or `accuracy` of train and validation over the epochs.

    Args:
        train: what to call the former.
    """
    epochs = [row["epoch"] for row in history]
    with _axes("epoch", name) as axes:
        # A loss that is not a number leaves a gap.
        axes.plot(epochs, [_finite(row[name]) for row in history], "o-", label=train)
        axes.plot(epochs, [_finite(row[f"val_{name}"]) for row in history], "s-", label="validation")
        axes.set_xticks(epochs[:: 1 + len(epochs) // 10])
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.margins(y=0.3)
        axes.legend()
        return _svg(axes, alt)


def lengths(rows: Sequence[dict[str, Any]], names: Sequence[str], alt: str) -> str:
    """Draws accuracy by length with its intervals.

    Args:
        rows: of `accuracy_by_length`.
        names: what to call each.
    """
    with _axes("tokens of a review", "accuracy") as axes:
        middle = np.array([row["accuracy"] for row in rows])
        low, high = np.array([row["accuracy_ci95"] for row in rows]).T
        axes.errorbar(
            range(len(rows)), middle, yerr=[middle - low, high - middle], fmt="o", capsize=4, linewidth=1.5
        )
        axes.set_xticks(range(len(rows)), names)
        axes.margins(x=0.15)
        return _svg(axes, alt)

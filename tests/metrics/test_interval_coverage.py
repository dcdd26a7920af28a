"""Of 95% intervals nearly all hold the truth, and are no wider than that needs."""

import pytest
from studies.interval_coverage import FIGURES, Setting, cover

pytestmark = pytest.mark.once

DRAWS = 50
MOVING = ("accuracy", "f1", "roc_auc", "loss", "brier", "difference")


@pytest.mark.parametrize(
    "setting",
    [
        Setting("calibrated", 250, (1, 1)),
        Setting("too bold, three labels", 200, (1, 1, 1), boldness=3),
        Setting("99:1", 1000, (99, 1), signal=1.5),
        Setting("groups", 300, (1, 1), likeness=0.7),
    ],
    ids=lambda setting: setting.name,
)
def test_intervals_hold_the_truth(setting):
    tallies = cover(setting, DRAWS, texts_of_truth=100_000)
    for name in FIGURES:
        tally = tallies[name]
        if name in ("mean_absolute_error", "within_one") and len(setting.shares) == 2:
            assert not tally.given
            continue
        assert tally.given >= 0.9 * (tally.given + tally.absent), name
        # Of 50 intervals 47 or 48 are expected, and 43 or fewer once in a hundred times.
        assert tally.held >= 0.86 * tally.given, name
    # The bound is one that intervals half as wide break.
    for name in MOVING:
        assert tallies[name].held_by_half < 0.86 * tallies[name].given, name

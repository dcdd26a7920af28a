"""What was chosen on validation, in sentences for the terminal, the card and the report."""

from __future__ import annotations

from keras_sentiment.runs.config import Calibration, RunConfig, ThresholdCheck


def chosen_on_validation(config: RunConfig) -> list[str]:
    """Returns sentences on the temperature, n-grams, class weights and threshold of a run."""
    calibration = config.calibration
    if calibration is None:
        return ["Nothing was chosen on validation."]
    lines = [_temperature(config.temperature, calibration)]
    if calibration.ngram_weight is not None:
        how = "chosen by log loss on validation" if calibration.chose_ngram_weight else "as it was given"
        lines.append(
            f"The n-grams have a weight of {calibration.ngram_weight:g} in the average of logits, {how}."
        )
    if config.recipe.training.class_weight and not config.trained_by_hand:
        lines.append(
            "Rare labels had more weight in the losses of train and validation; probabilities are those of "
            "unweighted texts."
        )
    if calibration.threshold is not None:
        lines.append(_threshold(calibration.threshold))
    elif config.recipe.training.threshold_for:
        lines.append(f"No threshold was found for {config.recipe.training.threshold_for}.")
    rule = config.decision.rule()
    return [*lines, f"{rule[0].upper()}{rule[1:]}."]


def _temperature(temperature: float, calibration: Calibration) -> str:
    groups = f" ({calibration.groups:,} groups)" if calibration.groups is not None else ""
    on = f"{calibration.reviews:,} validation reviews{groups}"
    if calibration.fitted:
        return f"Logits are divided by a temperature of {temperature:.4f}, fitted on {on}."
    return f"No temperature was fitted on {on}: {calibration.reason}."


def _threshold(check: ThresholdCheck) -> str:
    def share(value: float, interval: tuple[float, ...]) -> str:
        return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})"

    promised = check.aim.startswith("precision=")
    return (
        f"The threshold of {check.label} was chosen for {check.aim}: of the validation reviews "
        f"{check.predicted:,} get the label and {check.present:,} have it, precision "
        f"{share(check.precision, check.precision_ci95)}, recall {share(check.recall, check.recall_ci95)}."
        + (" In at most 5 of 100 such choices the precision on new texts is lower." if promised else "")
    )

"""Comparing recipes: each is trained with several seeds, and one table shows the results."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sentiment.data.corpus import Corpus
from keras_sentiment.errors import InputError
from keras_sentiment.messages import message_descriptor, tell
from keras_sentiment.progress import Progress
from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES, Recipe
from keras_sentiment.runs.checks import chosen_preset
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import Run, open_run
from keras_sentiment.runs.run_files import MODEL_FILE, read_config
from keras_sentiment.text_table import text_table

_SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "train-transformer": ("train_transformer", TRANSFORMER_RECIPES),
    "train-bert": ("train_bert", BERT_RECIPES),
}


@dataclass(frozen=True)
class Candidate:
    """A recipe to compare.

    Args:
        name: its name in the table, and of its folder.
        command: the command that trains it, `train-transformer` or `train-bert`.
        base: the recipe that it is based on.
        changes: the hyperparameters that differ, by name.
    """

    name: str
    command: str
    base: str
    changes: dict[str, Any]

    def recipe(self, seed: int) -> Recipe[Any]:
        """Returns the recipe of the run with this seed.

        Raises:
            InputError: the base or a hyperparameter is unknown, or a value is not valid.
        """
        recipes = _SCRIPTS[self.command][1]
        if self.base not in recipes:
            raise InputError(
                f"recipe must be one of {', '.join(recipes)}. Received: recipe={self.base!r:.99}"
            )
        recipe: Recipe[Any] = recipes[self.base].replace(**{**self.changes, "seed": seed})
        return recipe


def read_candidates(path: Path) -> list[Candidate]:
    """Reads the recipes of a TOML file: a table for each, with its `command`, optionally the `recipe` that it
    is based on, and the hyperparameters that differ.

    Raises:
        InputError: the file is not valid.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: it can't be read as TOML ({error})") from None
    found = []
    for name, table in values.items():
        if not isinstance(table, dict) or table.get("command") not in _SCRIPTS:
            raise InputError(f"{path}: [{name}] needs a command, one of {', '.join(_SCRIPTS)}")
        if not name or Path(name).name != name or name.startswith("."):
            raise InputError(f"{path}: [{name}] can't be the name of a folder; choose another")
        changes = {key: value for key, value in table.items() if key not in ("command", "recipe", "seed")}
        candidate = Candidate(name, table["command"], table.get("recipe", "default"), changes)
        try:
            candidate.recipe(seed=0)
        except InputError as error:
            raise InputError(f"{path}: [{name}] {error}") from None
        found.append(candidate)
    if not found:
        raise InputError(f"{path}: it names no recipe; add a table for each")
    return found


def run_all(
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    corpus: Corpus,
    folder: Path,
    quiet: bool = False,
) -> list[str]:
    """Trains the runs that are not complete, one after another, each in a process of its own.

    An interrupted run is resumed. After a run that fails the others are trained.

    Args:
        quiet: whether to show no progress.

    Returns:
        The folders of the runs that failed.
    """
    # The seeds one after another, so that soon there is a figure of each recipe.
    wanted = [(candidate, seed) for seed in seeds for candidate in candidates]
    missing = [
        (candidate, seed, path)
        for candidate, seed in wanted
        if not _is_done(path := run_dir(folder, candidate, seed), candidate.recipe(seed), corpus)
    ]
    failed = []
    with Progress("Training", len(missing), "runs", quiet=quiet) as progress:
        for candidate, seed, path in missing:
            if not quiet:
                tell(f"Training {candidate.name} with seed {seed} into {path}")
            script = f"keras_sentiment.scripts.{_SCRIPTS[candidate.command][0]}"
            settings = {**candidate.changes, "seed": seed}
            options = [f"--set={name}={json.dumps(value)}" for name, value in settings.items()]
            command = [sys.executable, "-m", script, str(corpus.path), str(path), "--resume", "--quiet"]
            command += [f"--recipe={candidate.base}", *options]
            if message_descriptor() is None:  # the output of libraries is not held here either
                command.append("--verbose")
            if subprocess.run(command, check=False, stderr=message_descriptor()).returncode:
                failed.append(str(path))
            progress.update()
    return failed


def run_dir(folder: Path, candidate: Candidate, seed: int) -> Path:
    """Returns the folder of the run of a candidate with a seed."""
    return folder / candidate.name / f"seed-{seed}"


def _is_done(path: Path, recipe: Recipe[Any], corpus: Corpus) -> bool:
    if not (path / MODEL_FILE).is_file():
        return False
    config = read_config(path)
    if config.trained_by_hand:
        raise InputError(f"{path}: its model was trained further by hand; name another folder")
    recipe = chosen_preset(recipe, corpus)
    return config.recipe == recipe and config.data["fingerprint"] == corpus.info["fingerprint"]


def table(candidates: Sequence[Candidate], seeds: Sequence[int], corpus: Corpus, folder: Path) -> str:
    """Returns a table of the complete runs, with accuracy and loss on validation."""
    rows: list[tuple[str, ...]] = [
        ("recipe", "seeds", "accuracy", "smallest", "largest", "loss", "seconds", "parameters")
    ]
    for candidate in candidates:
        paths = {seed: run_dir(folder, candidate, seed) for seed in seeds}
        done = [path for seed, path in paths.items() if _is_done(path, candidate.recipe(seed), corpus)]
        if not done:
            rows.append((candidate.name, "0", *[""] * 6))
            continue
        kept, seconds = zip(*map(_figures, done), strict=True)
        accuracy = [row["val_accuracy"] for row in kept]
        rows.append(
            (
                candidate.name,
                f"{len(done)}",
                f"{statistics.mean(accuracy):.4f}",
                f"{min(accuracy):.4f}",
                f"{max(accuracy):.4f}",
                f"{statistics.mean(row['val_loss'] for row in kept):.4f}",
                f"{statistics.mean(seconds):,.0f}",
                f"{open_run(done[0]).load_model().count_params():,}",
            )
        )
    return "\n".join(["Accuracy and loss on validation, the mean over the seeds:", *text_table(rows)])


def _figures(path: Path) -> tuple[dict[str, float], float]:
    """Returns the row of the history for the epoch whose weights were kept, and the seconds of all epochs."""
    config = read_config(path)
    rows = read_history(Run(path, config))
    kept = (
        min(rows, key=lambda row: row["val_loss"])
        if config.recipe.training.restore_best_weights
        else rows[-1]
    )
    return kept, sum(row["seconds"] for row in rows)

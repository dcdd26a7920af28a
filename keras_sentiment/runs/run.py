"""The run directory (RUN_DIR) on disk: the files of a run, and how they are saved and read.

config.json      labels, hyperparameters, data and calibration; written at the start, and again at the end
checkpoints/     what an interrupted training goes on from; removed when the run is complete
previous/        the complete run that was in this folder before; removed when this run is complete
history.csv      one row for each epoch
tokenizer/       the tokenizer of the model
trained_on.npy   the keys of all texts that the model was trained on, 8 bytes each
baseline.npz     the baselines: the counts of labels, and a linear model on TF-IDF
checksums.json   SHA-256 of config.json, tokenizer/, trained_on.npy, baseline.npz and model.keras
model.keras      the model in float32; written last: a RUN_DIR that has it is complete
metrics.json     the figures of `evaluate`, by split and fingerprint of the data
reports/         a report for each split of each data set
report.html      the report of the last evaluation
README.md        the model card
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import html, printable, shell
from keras_sentiment.runs.baseline import Baseline
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run_files import (
    ANEW,
    BASELINE_FILE,
    CHECKPOINTS,
    CHECKSUMS_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    PREVIOUS,
    TOKENIZER_FOLDER,
    TRAINED_ON_FILE,
    read_config,
    replace_model,
    require_plain,
    require_sound,
)
from keras_sentiment.storage.atomic import write_text
from keras_sentiment.storage.json_files import read_object
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer


@dataclass(frozen=True, repr=False)
class Run:
    """A RUN_DIR: a trained model with its tokenizer, labels and training configuration.

    Args:
        path: the folder.
        config: the contents of `config.json` when the run was opened.

    Example:
        >>> run = open_run(run.path)
        >>> run.config.labels
        ('negative', 'positive')
        >>> model = run.load_model()
        >>> model.output.shape
        (None, 2)
    """

    path: Path
    config: RunConfig

    def __repr__(self) -> str:
        kind, labels = self.config.kind, ", ".join(self.config.labels)
        not_complete = "" if self.complete else ", not complete"
        return printable(f"<Run {self.path}: {kind} for {labels}{not_complete}>")

    def _repr_html_(self) -> str:
        config = self.config
        rows = {
            "run": self.path,
            "model": config.kind,
            "labels": ", ".join(config.labels),
            "trained on": f"{config.trained_reviews:,} reviews of {config.data['source']}",
            "temperature": f"{config.temperature:.3f}",
            "decision": self.decision.rule(),
        }
        cells = (f"<tr><th>{name}</th><td>{html(str(value))}</td></tr>" for name, value in rows.items())
        return f"<table>{''.join(cells)}</table>"

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    @property
    def history(self) -> Path:
        return self.path / HISTORY_FILE

    @property
    def decision(self) -> Decision:
        """The rule that turns the logits of this model into labels."""
        return self.config.decision

    @property
    def complete(self) -> bool:
        """Whether the training has ended and the model is saved."""
        return (self.path / MODEL_FILE).is_file()

    @property
    def model_sha256(self) -> str:
        """The SHA-256 of the model file that is in the folder now."""
        return str(read_object(self.path / CHECKSUMS_FILE).get(MODEL_FILE))

    def write(self, name: str, text: str) -> None:
        """Writes a file of the RUN_DIR, completely or not at all.

        Raises:
            InputError: the file can't be written.
        """
        write_text(self.path / name, text)

    def tokenizer(self) -> Tokenizer:
        """Returns the tokenizer of the model."""
        return Tokenizer.read(self.path / TOKENIZER_FOLDER)

    def trained_on(self) -> TextKeys:
        """Returns the keys of the texts that the model, its teachers and its encoder were trained on.

        Raises:
            InputError: the file is missing or damaged.
        """
        return TextKeys.read(self.path / TRAINED_ON_FILE, ANEW)

    def baseline(self) -> Baseline:
        """Returns the baselines: the majority label and a linear model on TF-IDF.

        Raises:
            InputError: the file is missing or damaged.
        """
        return Baseline.read(self.path / BASELINE_FILE, len(self.config.labels), ANEW)

    def load_model(self) -> Any:
        """Returns the Keras model, in float32, on the current backend; not compiled.

        It takes `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` and returns
        logits float32[batch, num_classes].

        The model is built from the config; only its weights are read from `model.keras`.

        Raises:
            InputError: `model.keras` is damaged, or its weights don't fit the config.
        """
        from keras_sentiment.models.architecture import rebuild
        from keras_sentiment.models.model_file import read_weights

        config, architecture = self.config, self.config.architecture
        if architecture is None:
            raise InputError(f"{self.path}: its training did not end; there is no model yet")
        build = partial(rebuild, config.recipe, architecture, len(config.labels))
        return read_weights(self.path / MODEL_FILE, build)

    def save(self, model: Any, corpus: Corpus | None = None) -> Run:
        """Replaces the model of this run with one that was trained further by hand.

        Only the weights are taken. Temperature and threshold are chosen again on validation, and the figures
        and reports of the model before are removed. If your loss had class weights, the probabilities stay
        those of weighted texts.

        Args:
            model: a Keras model of this run's architecture, in any precision, however compiled.
            corpus: its validation split calibrates the model. It has the labels and the vocabulary of the
                run; by default it is the corpus that the run was trained on. Another one is recorded as
                `calibrated_on`. The train split counts as trained on.

        Returns:
            The run as it is now.

        Raises:
            InputError: the architecture is another one; the corpus is missing, or has other labels or another
                vocabulary; the logits are not numbers; the run is not complete, or another process writes to
                it. The run then stays as it was. Or no threshold reaches its aim; the model is then saved
                without one.

        Example:
            >>> model = run.load_model()
            >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            >>> inputs = run.config.recipe.inputs
            >>> train = ReviewBatches(corpus.splits["train"], run.tokenizer(), inputs, batch_size=8, seed=1)
            >>> history = model.fit(train, epochs=1, verbose=0)
            >>> run = run.save(model)
        """
        from keras_sentiment.batches.review_batches import ReviewBatches
        from keras_sentiment.data.evaluation_split import open_evaluation_split
        from keras_sentiment.models.architecture import architecture_of, take_weights
        from keras_sentiment.runs.calibration import calibrated

        run = open_run(self.path)  # as it is now
        if corpus is None:
            corpus = run._corpus()
        tokenizer, labels = run.tokenizer(), run.config.labels
        _, split = open_evaluation_split(corpus, "validation", tokenizer, labels, PrepareConfig())
        batches = ReviewBatches(split, tokenizer, run.config.recipe.inputs)
        saved = take_weights(run.load_model(), model, next(batches.for_scoring())[1])
        config = replace(run.config, trained_by_hand=True)
        if corpus.info["fingerprint"] != config.data["fingerprint"]:
            config = replace(config, data={**config.data, "calibrated_on": corpus.identity()})
        config, missed = calibrated(config, saved, batches)
        config = replace(config, architecture=architecture_of(saved))
        baseline = run.baseline()
        texts = run.trained_on().union(TextKeys.of(corpus.splits["train"].texts()))
        replace_model(self.path, config, saved, tokenizer, texts, baseline)
        if missed:
            raise InputError(f"{self.path}: {missed}")
        return Run(self.path, config)

    def _corpus(self) -> Corpus:
        """Returns the corpus that the run was trained on; refuses another one in its folder."""
        folder = self.config.data["data_dir"]
        try:
            corpus = open_corpus(folder)
        except InputError as error:
            raise InputError(f"{error}; give the corpus: run.save(model, corpus)") from None
        if corpus.info["fingerprint"] != self.config.data["fingerprint"]:
            raise InputError(
                f"{folder}: it is not what {self.path} was trained on; "
                "give the corpus: run.save(model, corpus)"
            )
        return corpus


def open_run(path: str | Path | Run) -> Run:
    """Opens a complete RUN_DIR; `load_model` reads the model.

    Args:
        path: the folder, or a run, which is opened again as it is on disk now.

    Raises:
        InputError: it is no run, is incomplete or damaged, comes from a later version, or is an encoder of
            `pretrain`.

    Example:
        >>> open_run("runs/films").config.labels
        ('negative', 'positive')
    """
    if not isinstance(path, (str, Path, Run)):
        raise TypeError(f"a run is what `train` returns, or its folder. Received: a {type(path).__name__}")
    path = path.path if isinstance(path, Run) else Path(path)
    run = _open(path)
    if isinstance(run.config.recipe.model, MaskedLMConfig):
        raise InputError(
            f"{path}: a pretrained encoder, which gives no labels; train-transformer --pretrained "
            f"{shell(path)} makes a classifier of it"
        )
    return run


def open_encoder(path: str | Path, tokenizer: Tokenizer) -> Run:
    """Opens an encoder that `pretrain` made; `load_model` reads it.

    Args:
        tokenizer: of the corpus that the classifier will be trained on.

    Raises:
        InputError: it is no encoder, is incomplete or damaged, or has another vocabulary.
    """
    run = _open(Path(path))
    if not isinstance(run.config.recipe.model, MaskedLMConfig):
        raise InputError(f"{path}: a classifier and no pretrained encoder; name what `pretrain` made")
    if run.tokenizer().sha256 != tokenizer.sha256:
        raise InputError(
            f"{path}: it was pretrained with another vocabulary than the corpus has; "
            f"prepare the corpus with --tokenizer {shell(run.path / TOKENIZER_FOLDER)}"
        )
    return run


def _open(path: Path) -> Run:
    config = read_config(path)
    require_plain(path)
    run = Run(path, config)
    if not run.complete:
        before = path / PREVIOUS
        if config.trained_by_hand:
            raise InputError(f"{path}: saving a model there broke off; move what is in {before} back")
        other = f"; the model before it is in {before}" if before.is_dir() else ""
        raise InputError(
            f"{path}: its training did not end (no {MODEL_FILE}); wait for it, or repeat its command with "
            f"--resume{other}"
        )
    if config.cleaning_version != CLEANING_VERSION:
        raise InputError(
            f"{path}: its texts were cleaned by version {config.cleaning_version} of the rules, and this "
            f"version has {CLEANING_VERSION}; train again"
        )
    require_sound(path, config)
    return run

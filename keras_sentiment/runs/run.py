"""The run directory (RUN_DIR) on disk: the one owner of what is saved of a run and how it is read.

config.json      what a text goes through on its way to a label, and how the model was trained; written
                 again, calibrated, before the model
checkpoints/     what an interrupted training goes on from; gone when it is complete
previous/        the complete run that was there before, until this one is complete
history.csv      a row an epoch
tokenizer/       the tokenizer of the model
trained_on.npy   the keys of all texts that the model has learned from, 8 bytes each
baseline.npz     what the model has to beat: the labels of its train texts, a linear model on TF-IDF
checksums.json   SHA-256 of all that a model is read from: config, tokenizer, these two, the model
model.keras      the model, float32; written last, so a RUN_DIR that has it is complete
metrics.json     what `evaluate` found, by split and fingerprint of the data
reports/         the same in pictures and texts, a page for each part of each data set
report.html      the page of what was found last
README.md        the model's card
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
    """A RUN_DIR: a trained model with its tokenizer, its labels, and how it was trained.

    Args:
        path: the folder.
        config: what `config.json` held when it was opened: labels, recipe, decision, calibration, data.

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
        """The rule from this model's logits to labels."""
        return self.config.decision

    @property
    def complete(self) -> bool:
        """Whether its training has ended and its model is saved."""
        return (self.path / MODEL_FILE).is_file()

    @property
    def model_sha256(self) -> str:
        """The checksum of the model that is there now."""
        return str(read_object(self.path / CHECKSUMS_FILE).get(MODEL_FILE))

    def write(self, name: str, text: str) -> None:
        """Writes a file of the RUN_DIR, which appears whole or not at all.

        Raises:
            InputError: nothing can be written there.
        """
        write_text(self.path / name, text)

    def tokenizer(self) -> Tokenizer:
        """Returns the tokenizer of the model."""
        return Tokenizer.read(self.path / TOKENIZER_FOLDER)

    def trained_on(self) -> TextKeys:
        """Returns the keys of the texts that the model has learned from, its teachers and encoder included.

        Raises:
            InputError: their file is missing or damaged.
        """
        return TextKeys.read(self.path / TRAINED_ON_FILE, ANEW)

    def baseline(self) -> Baseline:
        """Returns what the model has to beat: the majority label and a linear model on TF-IDF.

        Raises:
            InputError: their file is missing or damaged.
        """
        return Baseline.read(self.path / BASELINE_FILE, len(self.config.labels), ANEW)

    def load_model(self) -> Any:
        """Returns the Keras model, in float32, on the current backend; not compiled.

        It takes `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` and returns
        logits float32[batch, num_classes].

        The config says how it is built, and of `model.keras` the weights alone are read.

        Raises:
            InputError: `model.keras` is damaged, or its weights are those of another model than the config's.
        """
        from keras_sentiment.models.architecture import rebuild
        from keras_sentiment.models.model_file import read_weights

        config, architecture = self.config, self.config.architecture
        if architecture is None:
            raise InputError(f"{self.path}: its training did not end; there is no model yet")
        build = partial(rebuild, config.recipe, architecture, len(config.labels))
        return read_weights(self.path / MODEL_FILE, build)

    def save(self, model: Any, corpus: Corpus | None = None) -> Run:
        """Saves a model that was trained further by hand in the place of this run's own.

        Its weights are taken, and the layers stay this run's. Class weights of a loss of your own are not
        taken out of the logits. Temperature and threshold are chosen anew on validation, and what `evaluate`
        found of the model before is removed.

        Args:
            model: a Keras model of this run's architecture, in any precision, however compiled.
            corpus: whose validation split calibrates it, with the run's labels and vocabulary; by default the
                one that the run was trained on. Another one is recorded as `calibrated_on`. Its train split
                counts as trained on.

        Returns:
            The run as it is now.

        Raises:
            InputError: the architecture is another one; the corpus isn't there any more, or has other labels
                or another vocabulary; the logits are not numbers; the run is not complete, or another process
                writes there. The run stays as it was then. Or no threshold reaches its aim, and the model is
                saved without one.

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
        """Returns the corpus that the run was trained on."""
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
    """Opens a complete RUN_DIR; the model is read by `load_model`.

    Args:
        path: the folder, or a run, which is opened as it lies on disk now.

    Raises:
        InputError: it is none, is incomplete or damaged, or comes from a later version; or is of `pretrain`.

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
    """Opens what `pretrain` made; the encoder is read by `load_model`.

    Args:
        tokenizer: of the corpus that a classifier is to be trained on.

    Raises:
        InputError: it is none, is incomplete or damaged, or has another vocabulary.
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

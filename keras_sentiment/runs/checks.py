"""What can be refused before a training begins, and before Keras is imported, which takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_sentiment.config import AUTO_PRESET, BertConfig, TransformerConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import shell
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.config import require_threshold_labels
from keras_sentiment.runs.run import Run, open_encoder
from keras_sentiment.runs.run_files import is_run
from keras_sentiment.text.presets import preset_names, require_sizes, sizes_in
from keras_sentiment.text.tokenizer import default_tokenizer_name, find_tokenizer, packaged_minilm


def require_trainable(
    corpus: Corpus,
    run_dir: str | Path,
    recipe: Recipe[Any],
    overwrite: bool = False,
    resume: bool = False,
) -> Recipe[Any]:
    """Refuses what would end a training at its start, without importing Keras, but for a preset of KerasHub.

    Args:
        corpus: to train on.
        run_dir: the folder of the run.
        overwrite, resume: as `train` takes them.

    Returns:
        The recipe, with the preset that the corpus was prepared with in the place of `"auto"`.

    Raises:
        InputError: the folder is taken, or the recipe doesn't suit the corpus.
    """
    if overwrite and resume:
        raise InputError("overwrite and resume exclude each other; give one")
    require_free_run(Path(run_dir), overwrite, resume)
    require_threshold_labels(recipe.training, corpus.labels)
    if recipe.training.teachers and not corpus.unlabelled:
        raise InputError(
            f"{corpus.path}: it holds no unlabelled texts for a teacher to label; prepare it again "
            "with --unlabelled, or leave out --teacher"
        )
    if isinstance(recipe.model, BertConfig):
        return _with_preset(recipe, corpus)
    # A run that is resumed may be complete already, and its encoder gone.
    if isinstance(recipe.model, TransformerConfig) and recipe.model.pretrained is not None and not resume:
        open_encoder(recipe.model.pretrained, corpus.tokenizer())
    return recipe


def require_free_run(path: Path, overwrite: bool, resume: bool) -> None:
    """Refuses a folder for a run that holds something that this training may not replace.

    Raises:
        InputError: with the fix.
    """
    if file := next((each for each in (path, *path.parents) if each.exists() and not each.is_dir()), None):
        raise InputError(f"{file}: it is a file; name a folder for the run")
    if path.is_dir() and any(path.iterdir()):
        if not (overwrite or resume):
            raise InputError(
                f"{path}: it holds something already; name another folder, or add --overwrite"
                + (", or --resume to go on with it" if is_run(path) else "")
            )
        if not is_run(path):
            raise InputError(f"{path}: it holds something other than a run; name another folder")


def require_comparable(run: Run, other: Run) -> None:
    """Refuses to compare two models with different labels.

    Raises:
        InputError: names both.
    """
    if other.config.labels != run.config.labels:
        raise InputError(f"{other.path}: its labels are not those of {run.path}; they can't be compared")


def chosen_preset(recipe: Recipe[Any], corpus: Corpus) -> Recipe[Any]:
    """Returns the recipe with the preset that a corpus was prepared with in the place of `"auto"`.

    Raises:
        InputError: the corpus has a learned vocabulary, which no preset has, or a vocabulary that its folder
            only names: a corpus of somebody else must not choose what is downloaded or read.
    """
    if not isinstance(recipe.model, BertConfig) or recipe.model.preset != AUTO_PRESET:
        return recipe
    name = corpus.info["tokenizer"]["name"] or default_tokenizer_name()
    if name == "learn":
        raise InputError(
            f"{corpus.path}: it was prepared with a learned vocabulary, which no pretrained BERT has. Run: "
            f"keras-sentiment prepare {shell(corpus.info['source'])} NEW_DATA_DIR --tokenizer minilm"
        )
    if name != "minilm" and name not in preset_names():
        raise InputError(
            f"{corpus.path}: it was prepared with the tokenizer {name}; name the BERT with --preset"
        )
    return recipe.replace(preset=name)


def _with_preset(recipe: Recipe[Any], corpus: Corpus) -> Recipe[Any]:
    """Returns the recipe with its preset chosen, whose vocabulary is that of the corpus."""
    recipe = chosen_preset(recipe, corpus)
    preset = recipe.model.preset
    if preset == "minilm" or Path(preset).is_dir():
        folder = packaged_minilm() if preset == "minilm" else Path(preset)
        require_sizes(recipe.model, recipe.inputs.sequence_length, *sizes_in(folder))
    if find_tokenizer(preset).sha256 != corpus.tokenizer().sha256:
        raise InputError(
            f"{corpus.path}: it was prepared with another vocabulary than {preset} has. Run: "
            f"keras-sentiment prepare {shell(corpus.info['source'])} NEW_DATA_DIR --tokenizer {shell(preset)}"
        )
    return recipe

"""Text to token ids: BERT's uncased WordPiece tokenizer, computed by Hugging Face `tokenizers`.

All engines of the project produce the ids of this module. It needs no Keras. It reads the vocabulary of a
Hugging Face folder, of a KerasHub preset or of the packaged MiniLM.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from keras_sentiment.architecture import MAX_VOCABULARY
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.machine import choose_backend
from keras_sentiment.storage.json_files import read_object, read_text
from keras_sentiment.text.presets import MINILM_PACKAGE, preset_error, preset_names
from keras_sentiment.text.text_parts import MAX_AT_ONCE, text_parts

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
MAX_CHARACTERS_PER_WORD = 100  # a longer word is one [UNK], as in BERT

# The normalization of BERT's uncased models. A vocabulary with other settings is refused.
NORMALIZATION = {
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": True,
    "lowercase": True,
}
# The names of the same settings in Hugging Face's tokenizer_config.json.
_CONFIG_KEYS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
# KerasHub's setting `strip_accents` describes its layer and not the training of the model: it is False even
# for bert_base_en_uncased.
_KERAS_HUB_KEYS = ("lowercase",)

# The files that `save` writes.
VOCABULARY_FILE = "vocab.txt"
TOKENIZER_FILES = (VOCABULARY_FILE, "tokenizer.json", "tokenizer_config.json")


def _quiet_forks() -> None:
    """Make a forked process tokenize on one thread, without a warning of the `tokenizers` library.

    The threads of the library do not survive a fork. The library warns about it unless
    TOKENIZERS_PARALLELISM was set before the fork.
    """
    variable = "TOKENIZERS_PARALLELISM"
    ours = []

    def before() -> None:
        if variable not in os.environ:
            os.environ[variable] = "false"
            ours.append(True)

    def after_in_parent() -> None:
        if ours:
            ours.clear()
            os.environ.pop(variable, None)

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(before=before, after_in_parent=after_in_parent)


_quiet_forks()


class Tokenizer:
    """An uncased BERT WordPiece tokenizer.

    Args:
        vocabulary: tokens in the order of their ids; [PAD], [UNK], [CLS] and [SEP] are among them.
        source: the name of the vocabulary in messages.

    Raises:
        InputError: a special token is missing, a token occurs twice, or there are too many tokens.

    Example:
        >>> tokenizer = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film", "##s"])
        >>> tokenizer.encode(["good films"])[0].tolist()
        [4, 5, 6]
    """

    def __init__(self, vocabulary: Sequence[str], source: str = "the vocabulary") -> None:
        if len(vocabulary) > MAX_VOCABULARY:
            raise InputError(f"{source}: it has more than {MAX_VOCABULARY:,} tokens; give another vocabulary")
        ids = {token: index for index, token in enumerate(vocabulary)}
        if missing := [token for token in (PAD, UNK, CLS, SEP) if token not in ids]:
            raise InputError(
                f"{source}: it has no {', '.join(missing)}; give the vocabulary of an uncased BERT"
            )
        if len(ids) < len(vocabulary):
            token, count = Counter(vocabulary).most_common(1)[0]
            raise InputError(f"{source}: it has {token!r} {count} times; each token must occur once")
        try:
            "".join(vocabulary).encode()
        except UnicodeEncodeError as error:
            reason = f"a token is not valid Unicode ({error.reason})"
            raise InputError(f"{source}: {reason}; give another vocabulary") from None
        self.vocabulary = tuple(vocabulary)
        self.vocabulary_size = len(vocabulary)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id = (ids[token] for token in (PAD, UNK, CLS, SEP))
        self.mask_id: int | None = ids.get(MASK)
        # This engine has no special tokens, so [MASK] in a review is split at its brackets like other text.
        self._engine = wordpiece_engine(ids)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Encode cleaned texts on all cores.

        Args:
            texts: texts that `cleaning.clean` returned.

        Returns:
            The token ids of each text, int32[tokens], not truncated and without special tokens.
        """
        short = [text if len(text) <= MAX_AT_ONCE else "" for text in texts]
        encodings = self._engine.encode_batch_fast(short, add_special_tokens=False)
        found = [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
        for place, text in enumerate(texts):
            if len(text) > MAX_AT_ONCE:
                parts = [
                    self._engine.encode_batch_fast([part], add_special_tokens=False)[0].ids
                    for part in text_parts(text)
                ]
                found[place] = np.concatenate([np.array(ids, dtype=np.int32) for ids in parts])
        return found

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of everything that determines ids: the tokens in order, and the normalization."""
        rules = {**NORMALIZATION, "max_characters_per_word": MAX_CHARACTERS_PER_WORD}
        content = json.dumps([rules, self.vocabulary], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `vocab.txt`, `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer` reads."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        special_tokens = [token for token in (PAD, UNK, CLS, SEP, MASK) if token in self.vocabulary]
        engine = wordpiece_engine({token: index for index, token in enumerate(self.vocabulary)})
        engine.add_special_tokens(special_tokens)
        engine.post_processor = processors.TemplateProcessing(
            single=f"{CLS}:0 $A:0 {SEP}:0",
            pair=f"{CLS}:0 $A:0 {SEP}:0 $B:1 {SEP}:1",
            special_tokens=[(CLS, self.cls_id), (SEP, self.sep_id)],
        )
        # `Tokenizer.save` of the library refuses a path that is not valid Unicode.
        (folder / "tokenizer.json").write_text(engine.to_str(pretty=True), encoding="utf-8")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": NORMALIZATION["lowercase"],
            "strip_accents": NORMALIZATION["strip_accents"],
            "tokenize_chinese_chars": NORMALIZATION["handle_chinese_chars"],
            "split_special_tokens": True,
            **{f"{token[1:-1].lower()}_token": token for token in special_tokens},
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        content = "".join(f"{token}\n" for token in self.vocabulary)
        (folder / VOCABULARY_FILE).write_text(content, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Tokenizer:
        """Read the `vocab.txt` that `save` wrote, and no other file.

        Raises:
            InputError: the file is missing or damaged.
        """
        return cls._of_lines(Path(folder) / VOCABULARY_FILE)

    @classmethod
    def _of_lines(cls, file: Path) -> Tokenizer:
        # The limit keeps a file of too many lines from taking too much memory.
        lines = read_text(file).removesuffix("\n").split("\n", MAX_VOCABULARY)
        return cls(lines, str(file))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Tokenizer:
        """Read a tokenizer from a Hugging Face folder or a KerasHub preset folder.

        Raises:
            InputError: the folder has no vocabulary, or not that of an uncased BERT.
        """
        folder = Path(folder)
        keras_hub_file = folder / "assets" / "tokenizer" / "vocabulary.txt"
        for file, config, keys in (
            (keras_hub_file, folder / "tokenizer.json", _KERAS_HUB_KEYS),
            (folder / VOCABULARY_FILE, folder / "tokenizer_config.json", _CONFIG_KEYS),
        ):
            if file.is_file():
                settings = read_object(config) if config.is_file() else {}
                inner = settings.get("config")
                settings |= inner if isinstance(inner, dict) else {}
                _refuse_other_normalization(settings, config, keys)
                return cls._of_lines(file)
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise InputError(
                f"{folder}: it has no tokenizer; give a folder with vocab.txt or tokenizer.json, or a "
                "KerasHub preset folder with assets/tokenizer/vocabulary.txt"
            )
        settings = read_object(file)
        model, normalizer = settings.get("model"), settings.get("normalizer") or {}
        if (
            not isinstance(model, dict)
            or not isinstance(ids := model.get("vocab"), dict)
            or not isinstance(normalizer, dict)
            or model.get("type", "WordPiece") != "WordPiece"
        ):
            raise InputError(
                f"{file}: it is not a WordPiece tokenizer; give the tokenizer of an uncased BERT"
            )
        _refuse_other_normalization(normalizer, file, NORMALIZATION)
        whole = all(type(number) is int for number in ids.values())
        vocabulary = sorted(ids, key=ids.__getitem__) if whole else []
        if not whole or [ids[token] for token in vocabulary] != list(range(len(vocabulary))):
            raise InputError(
                f"{file}: its ids are not 0 to {len(ids) - 1}; give the tokenizer of an uncased BERT"
            )
        return cls(vocabulary, str(file))


def default_tokenizer_name() -> str:
    """Return the name of the tokenizer that is used if the user names none."""
    return "minilm" if importlib.util.find_spec(MINILM_PACKAGE) else "bert_base_en_uncased"


def packaged_minilm() -> Path:
    """Return the folder of the installed MiniLM, in Hugging Face layout: weights and vocabulary.

    Raises:
        InputError: the package is not installed.
    """
    # The package is not imported, because that imports sentence-transformers.
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or package.origin is None:
        raise InputError(f"minilm is not installed; {install_hint('demo')}")
    return Path(package.origin).parent / "model"


def find_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of a name.

    Args:
        name: `minilm` (the vocabulary in an installed package), a folder in Hugging Face or KerasHub
            layout, or a KerasHub preset such as `bert_base_en_uncased`, which may be downloaded.

    Raises:
        InputError: there is no such tokenizer, or it is not that of an uncased BERT.
    """
    if name == "minilm":
        return Tokenizer.load(packaged_minilm())
    if os.path.isdir(name):
        return Tokenizer.load(name)
    if Path(name).name != name and "://" not in name:
        raise InputError(f"{name}: it is not a folder; give a folder with vocab.txt, or a KerasHub preset")
    if "://" not in name and (known := preset_names()) and name not in known:
        uncased = ", ".join(each for each in known if each.endswith("uncased"))
        raise InputError(
            f"{name}: it is neither a folder nor a BERT preset; give minilm, {uncased} or a folder"
        )
    choose_backend()  # KerasHub imports Keras
    try:
        from keras_hub.tokenizers import BertTokenizer

        preset = BertTokenizer.from_preset(name)
    except Exception as error:  # KerasHub raises many classes: no network, no such preset, another model
        raise preset_error(name, error) from error
    _refuse_other_normalization(preset.get_config(), name, _KERAS_HUB_KEYS)
    return Tokenizer(preset.get_vocabulary(), name)


def wordpiece_engine(ids: dict[str, int]) -> tokenizers.Tokenizer:
    """Returns BERT's tokenizer without special tokens."""
    engine = tokenizers.Tokenizer(
        models.WordPiece(ids, unk_token=UNK, max_input_chars_per_word=MAX_CHARACTERS_PER_WORD)
    )
    engine.normalizer = normalizers.BertNormalizer(**NORMALIZATION)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece(prefix="##")
    return engine


def _refuse_other_normalization(settings: dict[str, Any], source: str | Path, keys: Iterable[str]) -> None:
    for key in keys:
        if settings.get(key) is False:
            raise InputError(f"{source}: it has {key}=false; give the tokenizer of an uncased BERT")

"""A vocabulary that is learned from texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenizers import trainers

from keras_sentiment.errors import InputError
from keras_sentiment.text.text_parts import MAX_AT_ONCE, text_parts
from keras_sentiment.text.tokenizer import CLS, MASK, PAD, SEP, UNK, Tokenizer, wordpiece_engine


def learn_tokenizer(texts: Callable[[], Iterable[str]], vocabulary_size: int) -> Tokenizer:
    """Learns an uncased WordPiece vocabulary from cleaned texts: of the same texts the same.

    Args:
        texts: gives them, twice.
        vocabulary_size: int, the most tokens it may have, specials counted.

    Raises:
        InputError: the letters of the texts alone are more.
    """
    specials = [PAD, UNK, CLS, SEP, MASK]
    # The trainer numbers the letters inside of words in an order of chance, and of two pairs that are as
    # frequent it takes the one with the lower numbers: so these letters are numbered before.
    letters = sorted(token for token in _train(texts(), specials, 1) if token.startswith("##"))
    ids = _train(texts(), [*specials, *letters], vocabulary_size)
    if len(ids) > vocabulary_size:
        raise InputError(
            f"vocabulary_size must be at least {len(ids)}, what the letters of the texts alone take. "
            f"Received: vocabulary_size={vocabulary_size}"
        )
    return Tokenizer(sorted(ids, key=ids.__getitem__), "The vocabulary that was learned")


def _train(texts: Iterable[str], first: list[str], vocabulary_size: int) -> dict[str, int]:
    """Returns the tokens of a WordPiece vocabulary, `first` and all letters at least, with their ids."""
    engine = wordpiece_engine({UNK: 0})
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary_size, special_tokens=first, show_progress=False)
    parts = (part for text in texts for part in (text_parts(text) if len(text) > MAX_AT_ONCE else [text]))
    engine.train_from_iterator(parts, trainer)
    return engine.get_vocab()

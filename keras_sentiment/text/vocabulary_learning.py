"""Learning a WordPiece vocabulary from texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenizers import trainers

from keras_sentiment.errors import InputError
from keras_sentiment.text.text_parts import MAX_AT_ONCE, text_parts
from keras_sentiment.text.tokenizer import CLS, MASK, PAD, SEP, UNK, Tokenizer, wordpiece_engine


def learn_tokenizer(texts: Callable[[], Iterable[str]], vocabulary_size: int) -> Tokenizer:
    """Learns an uncased WordPiece vocabulary from cleaned texts; the same texts give the same vocabulary.

    Args:
        texts: returns an iterable of the texts; it is called twice.
        vocabulary_size: int, maximal number of tokens, special tokens included.

    Raises:
        InputError: the texts have more different letters than that.
    """
    specials = [PAD, UNK, CLS, SEP, MASK]
    # The trainer numbers the letters inside words in random order, and that order decides between pairs of
    # the same frequency. So the letters are numbered here first.
    letters = sorted(token for token in _train(texts(), specials, 1) if token.startswith("##"))
    ids = _train(texts(), [*specials, *letters], vocabulary_size)
    if len(ids) > vocabulary_size:
        raise InputError(
            f"vocabulary_size must be at least {len(ids)}, the number of different letters in the texts. "
            f"Received: vocabulary_size={vocabulary_size}"
        )
    return Tokenizer(sorted(ids, key=ids.__getitem__), "the learned vocabulary")


def _train(texts: Iterable[str], first: list[str], vocabulary_size: int) -> dict[str, int]:
    """Returns the tokens of a WordPiece vocabulary and their ids: `first`, all letters, learned tokens."""
    engine = wordpiece_engine({UNK: 0})
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary_size, special_tokens=first, show_progress=False)
    parts = (part for text in texts for part in (text_parts(text) if len(text) > MAX_AT_ONCE else [text]))
    engine.train_from_iterator(parts, trainer)
    return engine.get_vocab()

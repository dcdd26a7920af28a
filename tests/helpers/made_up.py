"""Generated reviews of a small vocabulary."""

import numpy as np

from keras_sentiment.data.reviews import Review

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


def make_reviews(count: int = 200, positions: bool = False, seed: int = 0) -> list[Review]:
    rng = np.random.default_rng(seed)
    return [
        Review(
            " <br />".join(rng.choice(WORDS, rng.integers(1, 30))) + f" {i}",
            ["neg", "pos"][i % 2],
            f"made:{i}",
            position=i if positions else None,
        )
        for i in range(count)
    ]


def contents(path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}

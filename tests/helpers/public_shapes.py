"""Generated files in the formats of public data sets: columns, quoting, encoding and labels."""

import json

import pyarrow
from pyarrow import parquet

from helpers.hostile_rows import LATIN, ROWS, UNICODE, WINDOWS, labelled, line, texts, write


def imdb(folder):
    rows = labelled(1, ("positive", "negative"), UNICODE)
    write(folder / "IMDB Dataset.csv", ["review,sentiment", *(line(row[:2]) for row in rows)])
    return rows


def word2vec(folder):
    rows = labelled(2, ("1", "0"), UNICODE)
    escaped = [row.text.replace("\\", "\\\\").replace('"', '\\"') for row in rows]
    lines = [
        f'"{n}_{n % 10}"\t{row.label}\t"{text}"'
        for n, (row, text) in enumerate(zip(rows, escaped, strict=True))
    ]
    write(folder / "labeledTrainData.tsv", ["id\tsentiment\treview", *lines])
    return rows


def zhang(folder, labels, seed, titles):
    """The layout of Zhang, Zhao and LeCun (2015); a line end is written as a backslash and an n."""
    parts = {
        "train": labelled(seed, labels, UNICODE, "train"),
        "test": labelled(seed, labels, UNICODE, "test", ROWS, 60),
    }
    for split, rows in parts.items():
        heads = ["", *texts(len(rows) - 1, seed + 100, UNICODE)]
        cells = [
            (row.label, head, row.text) if titles else (row.label, row.text)
            for row, head in zip(rows, heads, strict=True)
        ]
        write(folder / f"{split}.csv", [line(row, every=True) for row in cells])
    write(folder / "readme.txt", ["Made up, for a test."])
    return [*parts["test"], *parts["train"]]


def amazon(folder):
    return zhang(folder / "amazon_review_polarity_csv", ("2", "1"), 3, True)


def yelp(folder):
    return zhang(folder / "yelp_review_polarity_csv", ("1", "2"), 4, False)


def ag_news(folder):
    write(folder / "ag_news_csv" / "classes.txt", ["World", "Sports", "Business", "Sci/Tech"])
    return zhang(folder / "ag_news_csv", ("3", "4", "1", "2"), 5, True)


def sentiment140(folder):
    rows = sorted(labelled(6, ("0", "4"), (*LATIN, "\x92", "\x85")), key=lambda row: row.label)
    date = "Mon Apr 06 22:19:45 PDT 2009"
    cells = [(row.label, str(n), date, "NO_QUERY", f"user{n}", row.text) for n, row in enumerate(rows)]
    path = folder / "training.1600000.processed.noemoticon.csv"
    write(path, [line(row, every=True) for row in cells], "latin-1")
    return rows


def sst2(folder):
    train = labelled(7, ("0", "1"), UNICODE, "train")
    dev = labelled(8, ("1", "0"), UNICODE, "validation", ROWS, 60)
    for name, rows in (("train", train), ("dev", dev)):
        write(folder / "SST-2" / f"{name}.tsv", ["sentence\tlabel", *("\t".join(row[:2]) for row in rows)])
    unknown = [f"{n}\t{text}" for n, text in enumerate(texts(50, 9, UNICODE))]
    write(folder / "SST-2" / "test.tsv", ["index\tsentence", *unknown])
    write(folder / "SST-2" / "original" / "dictionary.txt", ["made up|0"])
    return [*dev, *train]


def tweet_eval(folder, inside="tweet_eval/sentiment"):
    names = ["negative", "neutral", "positive"]
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    schema = pyarrow.schema(
        [("text", pyarrow.string()), ("label", pyarrow.int64())],
        {"huggingface": json.dumps({"info": {"features": features}})},
    )
    (folder / inside).mkdir(parents=True)
    found = []
    for first, split in ((0, "test"), (ROWS, "train"), (2 * ROWS, "validation")):
        rows = labelled(10, names, (*UNICODE, "\n", "\t", "\r\n"), split, first)
        columns = [[row.text for row in rows], [names.index(row.label) for row in rows]]
        table = pyarrow.table(dict(zip(schema.names, columns, strict=True)), schema)
        parquet.write_table(table, folder / inside / f"{split}-00000-of-00001.parquet")
        found += rows
    return found


def go_emotions(folder):
    data = folder / "goemotions" / "data"
    found = []
    for first, split, name in (
        (0, "validation", "dev"),
        (ROWS, "test", "test"),
        (2 * ROWS, "train", "train"),
    ):
        rows = labelled(11, ("27", "2", "15", "8,20", "0"), UNICODE, split, first)
        write(
            data / f"{name}.tsv", [line((row.text, row.label, f"ee{n}"), "\t") for n, row in enumerate(rows)]
        )
        found += [row for row in rows if "," not in row.label]
    write(data / "emotions.txt", ["admiration", "amusement"])
    write(data / "ekman_mapping.json", ['{"anger": ["anger", "annoyance"]}'])
    return found


def steam(folder, encoding="utf-8-sig", pieces=UNICODE):
    rows = labelled(12, ("1", "0"), pieces)
    lines = [line((str(n), 'Game; "II"', "2018", row.text, row.label), ";") for n, row in enumerate(rows)]
    header = "review_id;title;year;user_review;recommended"
    write(folder / "steam_reviews.csv", [header, *lines], encoding, "\r\n")
    return rows


def play_store(folder):
    rows = labelled(13, tuple("51423"), (*UNICODE, "\n", "\n\n", "\r\n", "\t"))
    lines = [line((f"gp:{n}", "A; User", row.text, row.label, "0"), ";") for n, row in enumerate(rows)]
    header = "reviewId;userName;content;score;thumbsUpCount"
    write(folder / "play_store.csv", [header, *lines], "utf-8-sig", "\r\n")
    return rows


AIRLINE = (
    "_unit_id,_golden,_unit_state,_trusted_judgments,_last_judgment_at,airline_sentiment,"
    "airline_sentiment:confidence,negativereason,negativereason:confidence,airline,airline_sentiment_gold,name,"
    "negativereason_gold,retweet_count,text,tweet_coord,tweet_created,tweet_id,tweet_location,user_timezone"
)


def airline(folder):
    rows = labelled(14, ("neutral", "positive", "negative"), (*WINDOWS, "\n", "\r\n", "\n\n", "\t"))
    places = texts(len(rows), 15, WINDOWS)
    cells = [
        {"_unit_id": str(n), "_golden": "FALSE", "airline_sentiment": row.label, "text": row.text,
         "airline_sentiment:confidence": "0.6839", "tweet_coord": "[40.1, -74.2]", "tweet_location": place}
        for n, (row, place) in enumerate(zip(rows, places, strict=True))
    ]  # fmt: skip
    lines = [line([row.get(name, "") for name in AIRLINE.split(",")]) for row in cells]
    write(folder / "Airline-Sentiment-2-w-AA.csv", [AIRLINE, *lines], "cp1252", "\r\n")
    return rows


# The writer of each data set, by the name of its DATA_DIR in docs/datasets.md.
SHAPES = {
    "imdb": imdb,
    "word2vec": word2vec,
    "amazon": amazon,
    "yelp": yelp,
    "sentiment140": sentiment140,
    "sst2": sst2,
    "ag_news": ag_news,
    "tweets": tweet_eval,
    "emotions": go_emotions,
    "steam": steam,
    "play_store": play_store,
    "airline": airline,
}

"""Files that the page labels: what comes back is what `predict --output` writes, and what failed is said."""

import csv
import io
import json

import numpy as np
import pytest

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.served import TOKENIZER, WordEngine, ask, make_classifier, serving, wait_for
from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.tables import ALL, open_named, with_texts
from keras_sentiment.inference.result_files import WRITERS, ResultColumns, names_of
from keras_sentiment.inference.streaming import KeptColumns, predict_rows

pytestmark = [pytest.mark.once, pytest.mark.slow]

TABLE = (
    '\ufeffid,review,label,"row"\r\n1,"a ""good"" film,\r\nin two lines",=1+1,\r\n\r\n'
    "2,bad <b>film</b>,-2,x\r\n3,,@a,\U0001f600\r\n4,the film is bad,neg,7"
    + "".join(f"\r\n{number},good {number},pos," for number in range(5, 20))
)
LINES = 'good film\n\n  bad, "very" bad\n=good\nfine ' + "good " * 100 + "\n"


class FailingEngine(WordEngine):
    """Fails for batches with the word `dull`, as long as it is told to."""

    fails = True

    def __call__(self, rows):
        if self.fails and (rows["token_ids"] == TOKENIZER.vocabulary.index("dull")).any():
            raise RuntimeError
        return super().__call__(rows)


@pytest.fixture
def labelling(tmp_path):
    """Opens the page of a server in a browser that saves downloads."""

    def choose(browser, content, name="films.csv"):
        from selenium.webdriver.common.by import By

        path = tmp_path / "input" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        browser.find_element(By.ID, "file").send_keys(str(path))
        summary, loaded = browser.find_element(By.ID, "summary"), browser.find_element(By.ID, "loaded")
        wait_for(lambda: loaded.is_displayed() or summary.text)
        return path

    return choose


def start(browser) -> str:
    """Labels the file that is chosen; returns what the page then says."""
    from selenium.webdriver.common.by import By

    browser.find_element(By.ID, "start").click()
    summary = browser.find_element(By.ID, "summary")
    wait_for(lambda: summary.text)
    return summary.text


def downloaded(browser, folder) -> str:
    """The file behind the link."""
    from selenium.webdriver.common.by import By

    folder.mkdir(exist_ok=True)
    behavior = {"behavior": "allow", "downloadPath": str(folder)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    link = browser.find_element(By.CSS_SELECTOR, "#summary a")
    file = folder / link.get_attribute("download")
    file.unlink(missing_ok=True)
    link.click()
    wait_for(file.exists)
    return file.read_bytes().decode("utf-8")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written_by_predict(path, column: str) -> str:
    """What `predict --output` writes for a CSV file."""
    classifier, file = make_classifier(), io.StringIO(newline="")
    with open_named(str(path), TableConfig(text_column=column), {column: "--text-column"}) as table:
        kept = KeptColumns(None, names_of(".csv", classifier.labels))
        columns = ResultColumns(list(kept.names(table.names).values()), {}, classifier.labels)
        texts = with_texts(table.rows(ALL), column, table.name)
        WRITERS[".csv"](predict_rows(classifier, texts, column, kept), columns, file)
    return file.getvalue()


def same(found: dict[str, str], expected: dict[str, str]) -> bool:
    """Whether two rows are equal, but for the last digits of probabilities."""
    numbers = [name for name in expected if name.startswith("probability")]
    close = all(float(found[name]) == pytest.approx(float(expected[name]), rel=1e-5) for name in numbers)
    return close and {**found, **dict.fromkeys(numbers, "")} == {
        **expected,
        **dict.fromkeys(numbers, ""),
    }


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_a_table_comes_back_as_predict_writes_it(labelling, tmp_path, size):
    from selenium.webdriver.common.by import By

    with (
        serving(make_classifier(), max_texts=4) as port,
        open_page(f"http://127.0.0.1:{port}/") as browser,
    ):
        resize(browser, *size)
        path = labelling(browser, TABLE)
        assert "films.csv: 19 rows, 4 columns" in browser.find_element(By.ID, "file-says").text
        assert browser.find_element(By.ID, "column").get_attribute("value") == "1"
        said = start(browser)
        found = rows_of(downloaded(browser, tmp_path / "output"))
        assert not is_cut_off(browser)
        asked = [url for url in requested(browser) if url.endswith("/predict")]
    expected = rows_of(written_by_predict(path, "review"))
    assert list(found[0]) == list(expected[0])
    assert [row["input_label"] for row in found[:3]] == ["=1+1", "-2", "@a"]
    for row, other in zip(found, expected, strict=True):
        if other["review"]:
            assert same(row, other)
        else:
            assert (row["row"], row["id"], row["label"], row["probability"]) == (other["row"], "3", "", "")
    assert "18 of 18 texts labelled: positive 16, negative 2." in said
    assert "1 row has no text and no label" in said
    assert "3 cells begin with =" in said
    assert len(asked) == 5  # of 4 texts at most


def test_lines_come_back_with_what_predict_says_of_each(labelling, tmp_path, port):
    with open_page(f"http://127.0.0.1:{port}/") as browser:
        labelling(browser, LINES, "lines.txt")
        said = start(browser)
        found = rows_of(downloaded(browser, tmp_path / "output"))
    lines = LINES.splitlines()
    assert [row["text"] for row in found] == lines
    assert [row["row"] for row in found] == ["1", "2", "3", "4", "5"]
    for row, line in zip(found, lines, strict=True):
        if not line:
            assert row["label"] == ""
            continue
        result = ask(port, body={"text": line})[2]
        assert row["label"] == result["label"]
        assert float(row["probability"]) == pytest.approx(result["probability"], rel=1e-5)
        assert row["truncated"] == json.dumps(result["truncated"])
    assert "1 text was too long for the model and cut" in said


def test_a_file_can_be_dropped(labelling, port):
    from selenium.webdriver.common.by import By

    drop = """
        const transfer = new DataTransfer();
        transfer.items.add(new File([arguments[1]], "dropped.csv"));
        const settings = { dataTransfer: transfer, bubbles: true, cancelable: true };
        arguments[0].dispatchEvent(new DragEvent("drop", settings));"""
    with open_page(f"http://127.0.0.1:{port}/") as browser:
        browser.execute_script(drop, browser.find_element(By.ID, "drop"), "stars;content\n1;good\n2;bad\n")
        wait_for(browser.find_element(By.ID, "loaded").is_displayed)
        assert browser.find_element(By.ID, "column").get_attribute("value") == "1"
        assert "2 of 2 texts labelled: positive 1, negative 1." in start(browser)
        # Another column is labelled anew.
        browser.find_element(By.CSS_SELECTOR, "#column option").click()
        browser.execute_script("document.getElementById('summary').textContent = ''")
        assert "2 of 2 texts labelled: positive 2." in start(browser)


def test_parts_that_fail_are_said_and_can_be_labelled_again(labelling, tmp_path):
    from selenium.webdriver.common.by import By

    engine = FailingEngine()
    texts = ["good", "bad", "dull", "fine", "x" * 1100, "good", "bad"]
    with (
        serving(make_classifier(engine), max_texts=2, max_body_bytes=1000) as port,
        open_page(f"http://127.0.0.1:{port}/") as browser,
    ):
        labelling(browser, "text\n" + "\n".join(texts))
        said = start(browser)
        assert "4 of 7 texts labelled" in said
        assert "2 texts without a label (lines 4 to 5): The server has failed; see its log." in said
        assert "1 text without a label (line 6): longer than the 1,000 bytes of a request." in said
        found = rows_of(downloaded(browser, tmp_path / "output"))
        labels = ["positive", "negative", "", "", "", "positive", "negative"]
        assert [row["label"] for row in found] == labels
        engine.fails = False
        scored = sum(rows for rows, _ in engine.shapes)
        assert browser.find_element(By.ID, "start").text == "Label the rest"
        browser.execute_script("document.getElementById('summary').textContent = ''")
        assert "6 of 7 texts labelled" in start(browser)
        assert sum(rows for rows, _ in engine.shapes) == scored + 2
        found = rows_of(downloaded(browser, tmp_path / "output"))
        assert [row["label"] for row in found][2:4] == ["negative", "positive"]


def test_a_server_that_is_gone_ends_the_labelling(labelling):
    with (
        serving(make_classifier(), max_texts=1) as port,
        open_page(f"http://127.0.0.1:{port}/") as browser,
    ):
        labelling(browser, "text\ngood\nbad\ndull\n")
        # Without the waits between its tries.
        browser.execute_script("window.setTimeout = (act) => act()")
        nothing = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", nothing)
        said = start(browser)
    assert "0 of 3 texts labelled." in said
    assert "1 text without a label (line 2): The server does not answer." in said
    assert "2 texts without a label (lines 3 to 4): not sent after that." in said
    assert "Download" not in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("it.csv", "text,id\ngood,1\nbad\na,3,4\n", "Line 3 has 1 field, and the first line names 2 columns"),
        ("it.csv", "text,id\ngood,1\n\"bad,2\n", "Line 3: a field in quotes does not end."),
        ("it.csv", "text,id\n\"so \"good\"\",1\n", "Line 2: text follows a closing quote."),
        ("it.csv", "text,text\ngood,bad\n", 'Two columns are called "text".'),
        ("it.csv", "text\n", "The file holds no texts."),
        ("it.csv", "", "The file is empty."),
        ("it.txt", b"", "The file holds no texts."),
        ("it.txt", "schön".encode("latin-1"), "The file is not UTF-8."),
        ("it.csv", "text\ngood\n".encode("utf-16"), "The file is not UTF-8."),
        ("it.xlsx", b"PK", "This page reads .txt and .csv files."),
        ("<img src=x>.xlsx", b"PK", "<img src=x>.xlsx: This page reads"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_told(labelling, browser, name, content, said):
    from selenium.webdriver.common.by import By

    labelling(browser, content, name)
    summary = browser.find_element(By.ID, "summary")
    assert said in summary.text
    assert not browser.find_element(By.ID, "loaded").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, "#summary img") == []


def test_tables_are_read_as_pythons_csv_reads_them(browser):
    """Records, and the number of the line in which each begins, of made-up bytes."""
    rng = np.random.default_rng(0)
    signs = ["a", "bc", ",", ",", '"', '"', '""', "\n", "\r\n", "\r", " ", ";", "\U0001f600"]
    texts = ["".join(rng.choice(signs, rng.integers(0, 14))) for _ in range(4000)]
    # Well-formed ones are rare among them.
    cells = ["", "a", 'a "b"', "a,b", "a\nb", "a\r\nb", "\r", '"']
    for _ in range(500):
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator=str(rng.choice(["\n", "\r\n", "\r"])))
        writer.writerows(rng.choice(cells, (3, rng.integers(1, 4))).tolist())
        texts.append(file.getvalue()[: -int(rng.integers(1, 3))] if rng.random() < 0.3 else file.getvalue())
    found = browser.execute_script(
        """return arguments[0].map((text) => {
            try { return records(text, ",").map((record) => [record.line, record.fields]); }
            catch { return null; }
        });""",
        texts,
    )
    read = 0
    for text, records in zip(texts, found, strict=True):
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        expected, line = [], 1
        try:
            for row in reader:
                if row:
                    expected.append([line, row])
                line = reader.line_num + 1
            read += 1
        except csv.Error:
            expected = None
        assert records == expected, repr(text)
    assert 1000 < read < len(texts)


def test_tables_are_written_as_pythons_csv_reads_them(browser):
    rng = np.random.default_rng(0)
    cells = ["", "a", 'a "b"', "a,b", "a\nb", "a\r\nb", "=1", "\U0001f600", " ", "'"]
    rows = rng.choice(cells, (50, 4)).tolist()
    found = "".join(browser.execute_script("return writeTable(arguments[0])", rows))
    assert list(csv.reader(io.StringIO(found, newline=""), strict=True)) == rows


@pytest.fixture(scope="module")
def port():
    with serving(make_classifier()) as port:
        yield port


@pytest.fixture(scope="module")
def browser(port):
    with open_page(f"http://127.0.0.1:{port}/") as browser:
        yield browser

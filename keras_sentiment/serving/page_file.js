// A file of texts: it is read here, sent to /predict in parts, and comes back with labels.
const MAX_FILE_BYTES = 50 * 2 ** 20;
const MAX_CHUNK = 64;  // texts; so that the progress moves
const MAX_TRIES = 4;
const MAX_FAILED_CHUNKS = 3;  // in a row
const MAX_LISTED = 10;
let table = null;  // {names, rows, fileName}; a row has its result, or the error
let stopped = null;  // of the labelling that runs
let download = "";

async function decoded(file) {
  if (file.size > MAX_FILE_BYTES)
    throw new Problem("The file is larger than 50 MB. Use: keras-sentiment predict MODEL --input FILE");
  if (!/\.(txt|csv|tsv)$/i.test(file.name))
    throw new Problem("This page reads .txt and .csv files. Save a spreadsheet as “CSV UTF-8”.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Problem("The file is not UTF-8. Save it as UTF-8; Excel calls it “CSV UTF-8”.");
  }
}

async function load(file) {
  stopped?.abort();
  table = null;
  byId("loaded").hidden = true;
  byId("summary").replaceChildren();
  try {
    const text = await decoded(file);
    const lines = /\.txt$/i.test(file.name);
    const read = lines ? readLines(text) : readTable(text);
    if (!read.rows.length) throw new Problem("The file holds no texts.");
    table = { ...read, fileName: file.name };
    const size = lines ? [counted(read.rows.length, "line")]
      : [counted(read.rows.length, "row"), counted(read.names.length, "column")];
    byId("file-says").textContent = `${file.name}: ${size.join(", ")}.`;
    const options = read.names.map((name, place) => new Option(name || `(column ${place + 1})`, place));
    byId("column").replaceChildren(...options);
    byId("column").value = textColumn(read);
    byId("columns").hidden = lines;
    byId("progress").hidden = true;
    byId("loaded").hidden = false;
    byId("start").textContent = "Label the file";
    byId("start").classList.remove("plain");
    byId("start").focus();
  } catch (error) {
    byId("summary").replaceChildren(problem(`${file.name}: ${error.message}`));
  }
}

// Gives rows in parts that a request may have; a text that fits into none gets its error.
function* chunks(rows) {
  const encoder = new TextEncoder();
  const most = Math.min(MAX_CHUNK, limits.texts);
  const around = encoder.encode('{"text":[]}').length;
  let chunk = [], bytes = around;
  for (const row of rows) {
    const size = encoder.encode(JSON.stringify(row.text)).length + 1;
    if (around + size > limits.bytes) {
      row.error = `longer than the ${counted(limits.bytes, "byte")} of a request`;
      continue;
    }
    if (chunk.length === most || bytes + size > limits.bytes) {
      yield chunk;
      chunk = [];
      bytes = around;
    }
    chunk.push(row);
    bytes += size;
  }
  if (chunk.length) yield chunk;
}

// Asks again where the server is busy, or did not answer.
async function askAgain(texts, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask("predict", texts, signal);
    } catch (error) {
      if (signal.aborted || tries === MAX_TRIES || ![0, 503].includes(error.status)) throw error;
      const seconds = Math.max(error.retryAfter || 0, 2 ** (tries - 1));
      await new Promise((resolve) => {
        setTimeout(resolve, 1000 * Math.min(seconds, 10));
        signal.addEventListener("abort", resolve, { once: true });
      });
      if (signal.aborted) throw error;
    }
  }
}

function showProgress(rows) {
  const done = rows.filter((row) => row.result).length;
  byId("bar").max = Math.max(1, rows.length);
  byId("bar").value = done;
  byId("count").textContent = `${done.toLocaleString("en")} of ${counted(rows.length, "text")} labelled`;
}

async function labelFile() {
  const mine = table;
  const column = Number(byId("column").value);
  if (mine.column !== column) for (const row of mine.rows) row.result = row.error = undefined;
  mine.column = column;
  for (const row of mine.rows) row.text = wellFormed(row.fields[column]);
  const rows = mine.rows.filter((row) => row.text.trim());
  const signal = (stopped = new AbortController()).signal;
  byId("summary").replaceChildren();
  byId("progress").hidden = byId("stop").hidden = false;
  byId("start").disabled = byId("column").disabled = true;
  showProgress(rows);
  let failed = 0;
  for (const row of rows) row.error = undefined;
  for (const chunk of chunks(rows.filter((row) => !row.result))) {
    try {
      const results = await askAgain(chunk.map((row) => row.text), signal);
      chunk.forEach((row, place) => { row.result = results[place]; });
      failed = 0;
    } catch (error) {
      for (const row of chunk) row.error = error.message;
      failed += 1;
      const hopeless = [0, 401, 403, 404].includes(error.status);  // the next part would fail, too
      if (signal.aborted || hopeless || failed === MAX_FAILED_CHUNKS) break;
    }
    if (mine === table) showProgress(rows);
  }
  byId("stop").hidden = byId("progress").hidden = true;
  byId("start").disabled = byId("column").disabled = false;
  if (mine === table) showSummary(mine, rows);
}

// Returns the rows of the file of results: the input's columns and ours.
function resultRows({ names, rows }) {
  const labels = Object.keys(rows.find((row) => row.result)?.result.probabilities ?? {});
  const own = ["label", "probability", "truncated", ...labels.map((label) => `probability_${label}`)];
  const taken = ["row", "probabilities", ...own];
  const found = [["row", ...keptNames(names, taken), ...own]];
  for (const { line, fields, result } of rows) {
    const { label, probability, truncated, probabilities } = result || {};
    const said = [label, probability, truncated, ...labels.map((each) => probabilities?.[each])];
    found.push([line, ...fields, ...said.map((value) => value ?? "")]);
  }
  return found;
}

// Returns why rows have no label, one line for each reason.
function failures(rows) {
  const reasons = new Map();
  for (const row of rows.filter((each) => !each.result)) {
    const reason = row.error || "not sent after that";
    if (!reasons.has(reason)) reasons.set(reason, []);
    reasons.get(reason).push(row.line);
  }
  return [...reasons].map(([reason, lines]) => {
    const range = lines.length > 1 ? `lines ${lines[0]} to ${lines.at(-1)}` : `line ${lines[0]}`;
    return `${counted(lines.length, "text")} without a label (${range}): ${reason.replace(/\.$/, "")}.`;
  });
}

function showSummary(shown, rows) {
  const done = rows.filter((row) => row.result);
  const labels = new Map();
  for (const row of done) labels.set(row.result.label, (labels.get(row.result.label) || 0) + 1);
  const ranked = [...labels].sort((a, b) => b[1] - a[1]);
  const listed = ranked.slice(0, MAX_LISTED)
    .map(([label, count]) => `${visible(label)} ${count.toLocaleString("en")}`);
  if (ranked.length > MAX_LISTED) listed.push(`${ranked.length - MAX_LISTED} more labels`);
  const cut = done.filter((row) => row.result.truncated).length;
  const empty = shown.rows.length - rows.length;
  const counts = listed.length ? `: ${listed.join(", ")}` : "";
  const parts = [
    element("p", `${done.length.toLocaleString("en")} of ${counted(rows.length, "text")} labelled${counts}.`),
    ...failures(rows).map(problem),
  ];
  if (cut) {
    const were = counted(cut, "text was", "texts were");
    parts.push(element("p", `${were} too long for the model and cut; the column “truncated” says which.`));
  }
  if (empty) parts.push(element("p", `${counted(empty, "row has", "rows have")} no text and no label.`));
  if (done.length) {
    const labelled = resultRows(shown);
    URL.revokeObjectURL(download);
    download = URL.createObjectURL(new Blob(writeTable(labelled), { type: "text/csv" }));
    const link = element("a", `Download ${resultName(shown.fileName)}`, "download");
    link.href = download;
    link.download = resultName(shown.fileName);
    parts.push(element("p", link));
    const formulas = labelled.flat().filter((cell) => typeof cell === "string" && /^[=+\-@\t\r]/.test(cell)).length;
    if (formulas) {
      const begin = counted(formulas, "cell begins", "cells begin");
      const note = `${begin} with =, +, - or @, as a formula does. The file has the cells as they are: ` +
        "import it as text into a spreadsheet program.";
      parts.push(element("p", note, "soft"));
    }
  }
  byId("summary").replaceChildren(...parts);
  byId("start").textContent = done.length && done.length < rows.length ? "Label the rest" : "Label the file";
  byId("start").classList.toggle("plain", done.length === rows.length);
}

function resultName(name) {
  return `${name.replace(/\.[^.]*$/, "")}.labelled.csv`;
}

byId("file").addEventListener("change", () => {
  if (byId("file").files.length) load(byId("file").files[0]);
});
byId("start").addEventListener("click", labelFile);
byId("stop").addEventListener("click", () => stopped?.abort());
byId("drop").addEventListener("dragleave", () => byId("drop").classList.remove("over"));
for (const name of ["dragover", "drop"])
  addEventListener(name, (event) => {  // beside the field a browser would open the file
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover" && byId("drop").contains(event.target));
    const file = event.dataTransfer?.files[0];
    if (name === "drop" && file) load(file);
  });

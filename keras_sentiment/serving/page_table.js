// Tables: the CSV that is read, as RFC 4180 has it, and the CSV that is written.
const DELIMITERS = [",", "\t", ";", "|"];
const TEXT_COLUMNS = ["text", "review", "content", "comment", "body"];

// Returns the records of a table, each `{line, fields}` with the number of its first line; at most `most`.
function records(text, delimiter, most = Infinity) {
  const found = [];
  let fields = [], line = 1, first = 1, place = 0;
  const plain = new RegExp(`[^${delimiter}\\r\\n]*`, "y");
  const countLines = (part) => (part.match(/\r\n|\n|\r/g) || []).length;
  while (place < text.length && found.length < most) {
    let field;
    if (text[place] === '"') {
      let end = place + 1;
      for (;;) {
        end = text.indexOf('"', end);
        if (end < 0) throw new Problem(`Line ${first}: a field in quotes does not end.`);
        if (text[end + 1] !== '"') break;
        end += 2;
      }
      field = text.slice(place + 1, end).replaceAll('""', '"');
      line += countLines(field);
      place = end + 1;
      if (place < text.length && ![delimiter, "\r", "\n"].includes(text[place]))
        throw new Problem(`Line ${line}: text follows a closing quote. Double the quotes in a quoted text.`);
    } else {
      plain.lastIndex = place;
      field = plain.exec(text)[0];
      place += field.length;
    }
    fields.push(field);
    if (text[place] === delimiter) {
      place += 1;
      if (place < text.length) continue;
      fields.push("");  // the file ends behind a delimiter
    }
    const isEmpty = fields.length === 1 && fields[0] === "" && text[place - 1] !== '"';
    if (!isEmpty) found.push({ line: first, fields });
    place += text.startsWith("\r\n", place) ? 2 : 1;
    fields = [];
    line += 1;
    first = line;
  }
  return found;
}

// Returns a table, `{names, rows}`, whatever delimiter it has.
function readTable(text) {
  const widths = DELIMITERS.map((delimiter) => {
    try {
      return records(text, delimiter, 1)[0]?.fields.length ?? 0;
    } catch {
      return 0;
    }
  });
  const [header, ...rows] = records(text, DELIMITERS[widths.indexOf(Math.max(...widths))]);
  if (!header) throw new Problem("The file is empty.");
  const names = header.fields.map((name) => name.trim());
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice !== undefined) throw new Problem(`Two columns are called "${twice}". Rename one of them.`);
  const wrong = rows.filter((row) => row.fields.length !== names.length);
  if (wrong.length)
    throw new Problem(
      `Line ${wrong[0].line} has ${counted(wrong[0].fields.length, "field")}, and the first line names ` +
      `${counted(names.length, "column")}. Put texts that hold a delimiter in quotes.` +
      (wrong.length > 1 ? ` ${counted(wrong.length, "line")} differ so.` : ""),
    );
  return { names, rows };
}

// Returns the position of the column that most likely holds the texts.
function textColumn({ names, rows }) {
  const known = TEXT_COLUMNS.map((name) => names.findIndex((other) => other.toLowerCase() === name));
  const named = known.find((place) => place >= 0);
  if (named !== undefined) return named;
  const first = rows.slice(0, 100);
  const sizes = names.map((_, place) => first.reduce((sum, row) => sum + row.fields[place].length, 0));
  return sizes.indexOf(Math.max(...sizes));
}

// Returns lines of text as a table of one column.
function readLines(text) {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  return { names: ["text"], rows: lines.map((line, place) => ({ line: place + 1, fields: [line] })) };
}

// Returns a CSV file. Cells are written as they are, as `predict --output` writes them.
function writeTable(rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => row.map(String).map(cell).join(",") + "\n");
}

// Returns the names of the input's columns in the file of results, where some names are taken.
function keptNames(names, taken) {
  const kept = [];
  for (const name of names) {
    let other = name;
    if (taken.includes(name))
      do other = `input_${other}`; while (taken.includes(other) || names.includes(other));
    kept.push(other);
  }
  return kept;
}

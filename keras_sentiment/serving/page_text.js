// One text: its label, its probabilities, its words; and the same from a shell.
const EXAMPLES = [
  "The room was quiet and clean, and breakfast was excellent.",
  "It stopped working after two days, and nobody answered my letters.",
  "A slow start and a weak story, but the last half hour is worth the wait.",
];
const field = byId("text");
const result = byId("result");
const MAX_BARS = 10;
const MAX_WORDS = 6;
// Below these the page says that the model is unsure: how far the label is ahead, and its probability.
const UNSURE_LEAD = 0.2;
const UNSURE_PROBABILITY = 0.5;
const UNSURE_DISTANCE = 0.1;  // from a threshold
const MAX_CURL_CHARACTERS = 500;
let asked = 0;
let answered = null;  // the text whose answer is shown

function signed(number) {
  return (number < 0 ? "\u2212" : "+") + Math.abs(number).toFixed(2);
}

// Returns in words where the label may well be another.
function doubts(found, ranked) {
  const said = [];
  const other = ranked.find(([label]) => label !== found.label);
  if (!other) return said;
  if (other[1] > found.probability) {
    const rule = found.rule ? `: ${visible(found.rule)}` : "";
    said.push(
      `${visible(other[0])} has a higher probability (${percent(other[1])}), but this model does not ` +
      `choose the most probable label${rule}.`,
    );
  }
  if (found.threshold) {
    const { label, probability } = found.threshold;
    const here = found.probabilities[label];
    if (Math.abs(here - probability) < UNSURE_DISTANCE)
      said.push(
        `The model is unsure: the probability of ${visible(label)} is ${percent(here)}, and the label ` +
        `changes at ${percent(probability)}.`,
      );
  } else if (found.probability - other[1] < UNSURE_LEAD || found.probability < UNSURE_PROBABILITY) {
    const near = ranked.filter(([, probability]) => 2 * probability >= ranked[0][1]).slice(0, 3);
    const shown = near.length > 1 ? near : ranked.slice(0, 2);
    const listed = shown.map(([label, probability]) => `${visible(label)} ${percent(probability)}`);
    said.push(`The model is unsure: ${listed.join(", ")}.`);
  }
  return said;
}

function countWords(text) {
  return (text.match(/\S+/g) || []).length;
}

// Returns in words what the model did not read, or nothing.
function cutting(text, found) {
  if (!found.truncated) return [];
  if (!found.unread) return ["The text is too long for the model. A part of it was not read."];
  const characters = Array.from(text);
  const words = countWords(characters.slice(found.unread.start, found.unread.end).join(""));
  const where = characters.slice(found.unread.end).join("").trim() ? "in the middle" : "at the end";
  return [
    `The text is too long for the model. ${counted(words, "word")} ${where} of ` +
    `${countWords(text).toLocaleString("en")} were not read.`,
  ];
}

function bar(name, probability, chosen) {
  const track = element("span", element("span"), "track");
  track.setAttribute("aria-hidden", "true");
  track.firstChild.style.setProperty("--share", `${100 * probability}%`);
  const parts = [element("span", name, "name"), track, element("span", percent(probability), "figure")];
  return element("li", parts, chosen ? "chosen" : "");
}

function bars(found, ranked) {
  const shown = ranked.length > MAX_BARS + 1 ? ranked.slice(0, MAX_BARS) : ranked;
  const items = shown.map(([label, probability]) => bar(visible(label), probability, label === found.label));
  const others = ranked.slice(shown.length);
  if (others.length) {
    const sum = others.reduce((total, [, probability]) => total + probability, 0);
    items.push(bar(`${others.length} others`, sum, false));
  }
  return element("ul", items, "bars");
}

// Returns the text with its words coloured, the deeper the larger their contribution is.
function marked(text, found, named, most) {
  const characters = Array.from(text);  // places are counted in characters, not in JavaScript's units
  const parts = [];
  let place = 0;
  const add = (part, made) => {
    parts.push(characters.slice(place, part.start).join(""), made);
    place = part.end;
  };
  const unread = found.unread && { ...found.unread, unread: true };
  while (unread && /^\s$/.test(characters[unread.end])) unread.end += 1;  // or the next line begins with it
  for (const part of [...found.words, unread].filter(Boolean).sort((a, b) => a.start - b.start)) {
    const written = characters.slice(part.start, part.end).join("");
    if (part.unread) {
      const summary = element("summary", `Not read: ${counted(countWords(written), "word")}`);
      add(part, element("details", [summary, element("span", written)]));
      continue;
    }
    const side = part.contribution < 0 ? "against" : "for";
    const made = element("span", written, side + (named.includes(part) ? " named" : ""));
    const share = most ? Math.abs(part.contribution) / most : 0;
    made.style.setProperty("--share", (0.45 * share).toFixed(3));
    made.title = signed(part.contribution);
    add(part, made);
  }
  parts.push(characters.slice(place).join(""));
  return element("div", parts, "marked");
}

// The coloured words once more as a list, for those who do not see the colours.
function listed(words, heading) {
  if (!words.length) return [];
  const items = words.map((word) =>
    element("li", [element("span", word.text), element("span", signed(word.contribution))]));
  return [element("div", [element("h3", heading), element("ul", items)])];
}

function wordParts(text, found) {
  if (!found.words.length) return [];
  const most = Math.max(...found.words.map((word) => Math.abs(word.contribution)));
  const by = [...found.words].sort((a, b) => b.contribution - a.contribution);
  const carrying = by.filter((word) => word.contribution > 0.05 * most).slice(0, MAX_WORDS);
  const opposing = by.reverse().filter((word) => word.contribution < -0.05 * most).slice(0, MAX_WORDS);
  const lists = [
    ...listed(carrying, "For this label: blue, underlined"),
    ...listed(opposing, "Against it: orange, dotted"),
  ];
  const note = "The number says how much the log-odds of the label fall when the word is left out.";
  const runs = " In a text of more than 64 words several words are left out together.";
  const hasRuns = found.words.some((word) => countWords(word.text) > 1);
  return [
    element("h3", "Words that the label depends on"),
    marked(text, found, [...carrying, ...opposing], most),
    element("div", lists, "words"),
    element("p", hasRuns ? note + runs : note, "soft"),
  ];
}

function show(text, found) {
  const ranked = Object.entries(found.probabilities).sort((a, b) => b[1] - a[1]);
  const probability = element("span", ` probability ${percent(found.probability)}`);
  byId("said").replaceChildren(
    element("p", [element("strong", visible(found.label)), probability], "label"),
    ...doubts(found, ranked).map((said) => element("p", said, "doubt")),
    ...cutting(text, found).map((said) => element("p", said, "doubt")),
  );
  const rule = found.rule ? [element("p", `Rule: ${visible(found.rule)}.`, "soft")] : [];
  const long = `The words of a text of more than ${counted(limits.explained, "character")} are not shown.`;
  const words = found.words ? wordParts(text, found) : [element("p", long, "soft")];
  byId("shown").replaceChildren(element("h3", "Probabilities"), bars(found, ranked), ...rule, ...words);
  const { words: _, unread, rule: rules, threshold, ...answer } = found;  // what /predict does not have
  byId("answer").textContent = visibleJson(answer, 1);
  answered = text;
  writeCurl();
}

async function labelText() {
  const text = wellFormed(field.value);
  const mine = ++asked;
  result.setAttribute("aria-busy", "true");
  byId("label").textContent = "Labelling\u2026";
  let found = null;
  let failed = null;
  try {
    found = await ask(Array.from(text).length > limits.explained ? "predict" : "explain", text);
  } catch (error) {
    failed = error;
  }
  if (mine !== asked) return;  // a later text is on its way
  result.removeAttribute("aria-busy");
  byId("label").textContent = "Label the text";
  if (found) {
    show(text, found);
    return;
  }
  byId("said").replaceChildren(problem(failed.message));
  byId("shown").replaceChildren();
  answered = null;
  writeCurl();
}

function shellWord(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function writeCurl() {
  const typed = wellFormed(field.value);
  const isShown = typed.trim() && typed.length <= MAX_CURL_CHARACTERS;
  const text = isShown ? typed : EXAMPLES[0];
  const example = typed.trim() ? "an example, since your text is long," : "an example";
  byId("curl-says").textContent = `This command labels ${isShown ? "your text" : example} from a shell:`;
  byId("answer-part").hidden = text !== answered;
  byId("curl").textContent = [
    "curl -H 'Content-Type: application/json'",
    ...(byId("curl-key").hidden ? [] : ['-H "Authorization: Bearer $API_KEY"']),
    `-d ${shellWord(visibleJson({ text }))}`,
    shellWord(new URL("predict", location.href).href),
  ].join(" \\\n  ");
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText(byId("curl").textContent);
    byId("copied").textContent = "Copied.";
  } catch {  // a browser without a clipboard for pages, as over plain HTTP
    getSelection().selectAllChildren(byId("curl"));
    const copied = document.execCommand("copy");
    byId("copied").textContent = copied ? "Copied." : "Selected; press Ctrl + C to copy.";
  }
}

for (const text of EXAMPLES) {
  const button = element("button", text);
  button.type = "button";
  button.addEventListener("click", () => {
    field.value = text;
    writeCurl();
    labelText();
  });
  byId("examples").append(element("li", button));
}
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  labelText();
});
field.addEventListener("input", writeCurl);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    byId("form").requestSubmit();
  }
});
byId("copy").addEventListener("click", copyCurl);
writeCurl();
readLimits().catch(() => {});  // the smallest limits hold then

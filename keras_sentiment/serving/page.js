"use strict";
const byId = (id) => document.getElementById(id);
const key = byId("key");

// What openapi.json says of this server; until it is read, what every server takes.
const limits = { texts: 1, bytes: 65536, explained: 1000 };

// A request that has no result: why, and the status of HTTP, or 0 where nothing came.
class Problem extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

// Texts and labels are other people's words: they become text nodes and never markup.
function element(name, content = [], className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...[content].flat());
  return made;
}

function escapedUnits(character) {
  const units = Array.from({ length: character.length }, (_, place) => character.charCodeAt(place));
  return units.map((unit) => "\\u" + unit.toString(16).padStart(4, "0")).join("");
}

// Returns a label in which no character hides or turns others around; those that join letters stay.
function visible(text) {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapedUnits);
}

// Returns JSON, as the same value, in which no character hides.
function visibleJson(value, indent) {
  return JSON.stringify(value, null, indent).replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, escapedUnits);
}

function problem(message) {
  return element("p", message, "problem");
}

function percent(probability) {
  const figure = (100 * probability).toFixed(1);
  if (figure === "100.0" && probability < 1) return "> 99.9%";
  if (figure === "0.0" && probability > 0) return "< 0.1%";
  return `${figure}%`;
}

function counted(number, one, several = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
}

// JSON can't be sent with half of a character, which an input field can hold.
function wellFormed(text) {
  return text.toWellFormed ? text.toWellFormed() : text;
}

function showKeyField() {
  byId("keyed").hidden = false;
  byId("curl-key").hidden = false;
}

function headers() {
  if (!/^[!-~]*$/.test(key.value)) {  // a header can hold nothing else
    key.focus();
    throw new Problem("A key has only English letters, digits and signs, and no spaces.", 401);
  }
  const sent = { "Content-Type": "application/json" };
  if (key.value) sent.Authorization = `Bearer ${key.value}`;
  return sent;
}

// Returns what a route answers; throws a Problem.
async function ask(path, text, signal) {
  const sent = headers();
  let response, found;
  try {
    response = await fetch(path, { method: "POST", headers: sent, body: JSON.stringify({ text }), signal });
    found = await response.json();
  } catch {
    if (signal?.aborted) throw new Problem("You stopped it.");
    throw new Problem("The server does not answer. Check that it runs, then try again.");
  }
  if (response.ok) return found;
  if (response.status === 401) {
    showKeyField();
    key.focus();
    throw new Problem(key.value ? "This server has no such key." : "This server asks for a key.", 401);
  }
  const error = found.error || `The server answered with status ${response.status}.`;
  throw new Problem(error, response.status, Number(response.headers.get("Retry-After")));
}

async function readLimits() {
  const described = await (await fetch("openapi.json")).json();
  const body = (path) => described.paths[path].post.requestBody;
  const text = (path) => body(path).content["application/json"].schema.properties.text;
  limits.texts = text("/predict").anyOf.find((kind) => kind.type === "array").maxItems;
  limits.bytes = body("/predict")["x-max-bytes"];
  limits.explained = text("/explain").maxLength;
  byId("limits").textContent =
    `Several texts go as a list: {"text": ["first", "second"]}. A request has at most ` +
    `${counted(limits.texts, "text")} and ${counted(limits.bytes, "byte")}.`;
  if (described.components.securitySchemes) {
    showKeyField();
    writeCurl();
  }
}

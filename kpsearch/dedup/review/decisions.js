// What a person decides: a log in the browser's store, and a CSV file to take away.
// An entry of the log is the twin of a pair and its verdict; null takes a verdict back.

const storeName = `kpsearch review ${core.report}`;
let log = [];
let decided = new Map();
let stored = true;

function loadDecisions() {
  try {
    log = JSON.parse(localStorage.getItem(storeName) ?? "[]");
  } catch {
    stored = false;
  }
  decided = new Map();
  for (const [twin, verdict] of log) replay(twin, verdict);
}

function replay(twin, verdict) {
  if (verdict === null) decided.delete(twin);
  else decided.set(twin, verdict);
}

function keepDecisions() {
  try {
    localStorage.setItem(storeName, JSON.stringify(log));
  } catch {
    stored = false;
  }
}

const verdictOf = (pair) => decided.get(pair.twin) ?? pair.known;
const isOpen = (pair) => !pair.same && verdictOf(pair) === null;

function decide(pair, verdict) {
  log.push([pair.twin, verdict]);
  replay(pair.twin, verdict);
  keepDecisions();
}

// The pair whose last decision was taken back; null if there was none.
function undo() {
  if (!log.length) return null;
  const [twin] = log.pop();
  decided.delete(twin);
  for (const [other, verdict] of log) if (other === twin) replay(twin, verdict);
  keepDecisions();
  return pairs[twin];
}

// A lone surrogate, a byte of a name that is not text, is written out as in pairs.csv.
function csvField(text) {
  const spell = (unit) => `\\u${unit.charCodeAt(0).toString(16)}`;
  const writable = text.replace(/\p{Surrogate}/gu, spell);
  return /[",\r\n]/.test(writable) ? `"${writable.replaceAll('"', '""')}"` : writable;
}

function decisionsCsv() {
  const lines = ["path_a,path_b,content_hash_a,content_hash_b,verdict"];
  for (const [twin, verdict] of decided) {
    const a = pictures[pairs[twin].a];
    const b = pictures[pairs[twin].b];
    lines.push([a.path, b.path, a.hash, b.hash, verdict].map(csvField).join(","));
  }
  return lines.join("\n") + "\n";
}

function exportDecisions() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([decisionsCsv()], { type: "text/csv" }));
  link.download = "decisions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// The page at work: filters, pages, keys, decisions.

const PAGE_CARDS = 50;
const FIRST_CARDS = 2; // drawn at once, the others as they come near the screen
const element = (id) => document.getElementById(id);
const tools = element("tools");
const nearing = new IntersectionObserver((entries) => {
  entries.filter((entry) => entry.isIntersecting).forEach((entry) => fill(entry.target));
}, { rootMargin: "600px" });
const fields = ["kind", "relation", "low", "high", "decided", "text", "order"];

let listing = { list: [], stops: [] };
let page = 0;
let drawn = [];
let current = null;

function readFilter() {
  const filter = Object.fromEntries(fields.map((name) => [name, element(name).value]));
  return { ...filter, low: Number(filter.low || 0), high: Number(filter.high || 100) };
}

function relist() {
  listing = listCards(readFilter());
  current = listing.stops[0] ?? null;
  showPage(0);
}

function showPage(number) {
  page = number;
  const first = page * PAGE_CARDS;
  drawn = listing.list.slice(first, first + PAGE_CARDS);
  nearing.disconnect();
  element("cards").replaceChildren(
    ...drawn.map((card, place) => (place < FIRST_CARDS ? drawCard(card) : drawStub(card))));
  document.querySelectorAll(".stub").forEach((stub) => nearing.observe(stub));
  const pages = Math.ceil(listing.list.length / PAGE_CARDS);
  element("pages").hidden = pages < 2;
  element("place").textContent = `Page ${page + 1} of ${thousands.format(pages)}`;
  element("back").disabled = page === 0;
  element("forward").disabled = page >= pages - 1;
  showCounts();
  markCurrent();
}

function fill(stub) {
  nearing.unobserve(stub);
  const place = [...element("cards").children].indexOf(stub);
  if (place < 0 || !stub.classList.contains("stub")) return;
  redraw(drawn[place]);
  markCurrent();
}

function turnPage(number) {
  current = listing.stops.find(({ card }) => card.place >= number * PAGE_CARDS) ?? current;
  showPage(number);
  scrollTo({ top: element("count").offsetTop - tools.offsetHeight });
}

function showCounts() {
  const groups = listing.list.reduce((sum, card) => sum + card.group, 0);
  const singles = listing.list.length - groups;
  const open = listing.stops.reduce((sum, pair) => sum + isOpen(pair), 0);
  const lost = stored ? "" : " This browser keeps nothing: export before you leave.";
  const listed = `${plural(groups, "group")} and ${plural(singles, "pair")} listed`;
  const taken = thousands.format(decided.size);
  const decisions = `${plural(open, "decision")} open, ${taken} taken here`;
  element("count").textContent = listing.list.length
    ? `${listed}, ${decisions}.${lost}` : "Nothing is like this. Ask for less above.";
  element("undo").disabled = log.length === 0;
  element("export").disabled = decided.size === 0;
}

function redraw(card) {
  const place = drawn.indexOf(card);
  if (place >= 0) element("cards").children[place].replaceWith(drawCard(card));
}

// Cards of the page that a decision on `pair` shows on: files of equal bytes are decided together.
function redrawAll(pair) {
  drawn.filter((card) => card.pairs.some(({ twin }) => twin === pair.twin)).forEach(redraw);
}

function markCurrent() {
  document.querySelector("[aria-current]")?.removeAttribute("aria-current");
  if (current) element(`pair-${current.row}`)?.setAttribute("aria-current", "true");
}

function goTo(pair) {
  current = pair;
  const moved = pair.card.open !== pair;
  pair.card.open = pair;
  const wanted = Math.floor(pair.card.place / PAGE_CARDS);
  if (wanted !== page) showPage(wanted);
  if (moved || !element(`pair-${pair.row}`)) redraw(pair.card);
  markCurrent();
  const row = element(`pair-${pair.row}`);
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const pair = listing.stops[listing.stops.indexOf(current) + by];
  if (pair) goTo(pair);
  else say(by > 0 ? "That was the last pair." : "That was the first pair.");
}

function nextOpen() {
  const at = listing.stops.indexOf(current);
  const pair = listing.stops.find((other, i) => i > at && isOpen(other));
  if (pair) goTo(pair);
  else {
    goTo(current);
    say("No open pair follows.");
  }
}

function say(text) {
  element("said").textContent = text;
}

function settle(pair, verdict) {
  decide(pair, verdict);
  redrawAll(pair);
  showCounts();
  markCurrent();
  const names = [pair.a, pair.b].map((row) => fileName(pictures[row].shown)).join(" and ");
  say(verdict === null ? `Taken back: ${names}` : `${verdict}: ${names}`);
}

function decideCurrent(verdict) {
  if (!current) return;
  settle(current, verdict);
  nextOpen();
}

function takeBack() {
  const pair = undo();
  if (!pair) return;
  redrawAll(pair);
  showCounts();
  const stop = listing.stops.find((other) => other.twin === pair.twin);
  if (stop) goTo(stop);
  say("Taken back.");
}

function toggleDifferences() {
  const on = document.body.classList.toggle("plain");
  element("difference").setAttribute("aria-pressed", String(!on));
}

function onCardClick(event) {
  const button = event.target.closest("button");
  const place = [...element("cards").children].indexOf(event.target.closest(".card"));
  if (!button || place < 0) return;
  const card = drawn[place];
  if (button.classList.contains("more")) {
    card.whole = true;
    redraw(card);
    markCurrent();
    return;
  }
  const row = Number(button.closest(".pair").id.slice("pair-".length));
  const pair = pairs[row];
  const verdict = button.dataset.verdict;
  if (listing.stops.includes(pair)) current = pair;
  if (verdict) settle(pair, decided.get(pair.twin) === verdict ? null : verdict);
  else {
    card.open = pair;
    redraw(card);
    markCurrent();
  }
  const again = verdict ? `[data-verdict="${verdict}"]` : ".opener";
  element(`pair-${row}`).querySelector(again).focus({ preventScroll: true });
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  s: () => decideCurrent("same"),
  v: () => decideCurrent("variant"),
  d: () => decideCurrent("different"),
  u: takeBack,
  x: toggleDifferences,
  e: () => element("export").click(),
  "/": () => element("text").focus(),
  "?": () => element("keys").showModal(),
};

function onKey(event) {
  const typing = event.target.matches?.("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = keys[event.key];
  if (!act || (!element("keys-on").checked && event.key !== "?")) return;
  event.preventDefault();
  act();
}

function start() {
  core.relations.forEach((name, i) => {
    element("relation").append(make("option", { value: i }, name));
  });
  document.body.style.setProperty("--side", `${Math.max(176, Math.min(core.sidePx, 320))}px`);
  loadDecisions();
  let waiting = 0;
  tools.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(relist, 60);
  });
  tools.addEventListener("submit", (event) => event.preventDefault());
  element("cards").addEventListener("click", onCardClick);
  document.addEventListener("keydown", onKey);
  element("difference").addEventListener("click", toggleDifferences);
  element("undo").addEventListener("click", takeBack);
  element("export").addEventListener("click", exportDecisions);
  element("help").addEventListener("click", () => element("keys").showModal());
  element("back").addEventListener("click", () => turnPage(page - 1));
  element("forward").addEventListener("click", () => turnPage(page + 1));
  addEventListener("beforeprint", () => document.querySelectorAll(".stub").forEach(fill));
  addEventListener("storage", (event) => {
    if (event.key !== storeName) return;
    loadDecisions();
    showPage(page);
  });
  tools.hidden = false;
  relist();
  setTimeout(ranks, 500); // the first search waits less
}

start();

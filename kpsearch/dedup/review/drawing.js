// Cards as elements. Names are only ever set as text.

const SVG = "http://www.w3.org/2000/svg";
const VERDICTS = [
  ["same", "s", "Same"], ["variant", "v", "Variant"], ["different", "d", "Different"],
];
const TINT = [217, 0, 133];
const SOME_LINKS = 8;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const thousands = new Intl.NumberFormat("en");
const plural = (number, noun) => `${thousands.format(number)} ${noun}${number === 1 ? "" : "s"}`;
const fileName = (path) => path.slice(path.lastIndexOf("/") + 1) || path;

function percent(logOdds) {
  const share = 100 * confidence(logOdds);
  if (share > 99.99) return "> 99.99%";
  if (share < 0.01) return "< 0.01%";
  return `${share.toFixed(share > 99 || share < 1 ? 2 : 1)}%`;
}

function byteSize(bytes) {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

// A name for the eye: the file's, and its folder small below it.
function nameOf(picture) {
  const name = fileName(picture.shown);
  const folder = picture.shown.slice(0, picture.shown.length - name.length);
  const below = folder ? make("bdi", { class: "folder" }, folder) : null;
  return [make("bdi", { class: "file" }, name), below];
}

function drawPicture(picture) {
  const content = thumbnailOf(picture.thumbnail);
  if (content.startsWith("!")) return make("p", { class: "missing" }, content.slice(1));
  const factor = Math.min(1, core.sidePx / Math.max(picture.width, picture.height));
  return make("img", {
    src: `data:image/webp;base64,${content}`, alt: "", decoding: "async",
    width: Math.max(1, Math.round(picture.width * factor)),
    height: Math.max(1, Math.round(picture.height * factor)),
  });
}

// The cells that differ as a small tinted canvas, which the page stretches over the picture.
function drawGrid(grid) {
  const canvas = make("canvas", { class: "grid", width: grid.columns, height: grid.rows });
  const image = new ImageData(grid.columns, grid.rows);
  grid.levels.forEach((level, cell) => image.data.set([...TINT, level * 20], 4 * cell));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function drawOutline(numbers) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 1000 1000");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "outline");
  for (const name of ["edge", "line"]) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.setAttribute("points", numbers.join(" "));
    polygon.setAttribute("class", name);
    svg.append(polygon);
  }
  return svg;
}

// A picture with what is drawn over it, its name below; `label` is its number in the group.
function drawFigure(row, { label, keep, overlay = {} }) {
  const picture = pictures[row];
  const grid = parseGrid(overlay.grid);
  const plate = make("div", { class: "plate" }, drawPicture(picture));
  if (grid && plate.firstChild.tagName === "IMG") plate.append(drawGrid(grid));
  if (overlay.outline?.length && plate.firstChild.tagName === "IMG") {
    plate.append(drawOutline(overlay.outline));
  }
  const facts = `${picture.width} × ${picture.height}, ${byteSize(picture.bytes)}`;
  const caption = make("figcaption", { title: picture.shown },
    make("span", { class: "who" }, `${label} `, keep ? make("b", { class: "keep" }, "keep") : null),
    ...nameOf(picture), make("span", { class: "facts" }, facts));
  return make("figure", { class: keep ? "kept" : null }, plate, caption);
}

// What a is to b in words; "1" and "2" are the labels of the two.
function inWords(pair, one, other) {
  const words = {
    "exact": "the same picture", "near-duplicate": "the same picture, edited",
    "crop-of": `${one} is a part of ${other}`, "contains": `${other} is a part of ${one}`,
    "mirrored": "one is the other in a mirror", "same-item": "the same thing, another photo",
    "variant": "one design, differing in text, colour or artwork",
    "shared-part": "a logo or a template in common, no more",
    "insufficient-evidence": "too little to go by",
  };
  return words[core.relations[pair.relation]];
}

function kindOf(pair) {
  if (pair.merges) return "merges";
  return core.relations[pair.relation] === "insufficient-evidence" ? "unsure" : "apart";
}

function drawVerdicts(pair, names) {
  const now = verdictOf(pair);
  if (pair.same) return make("span", { class: "quiet" }, "nothing to decide");
  const buttons = VERDICTS.map(([verdict, key, text]) => make("button", {
    type: "button", "data-verdict": verdict, "aria-pressed": String(now === verdict),
    "aria-keyshortcuts": key, class: verdict,
  }, text));
  const label = `Decision on ${names}`;
  return make("span", { class: "verdicts", role: "group", "aria-label": label }, ...buttons);
}

function drawEvidence(details) {
  const list = make("dl");
  core.evidence.forEach((name, i) => {
    const value = details.evidence[i];
    if (value === null) return;
    list.append(make("div", {}, make("dt", {}, name), make("dd", {}, String(value))));
  });
  return make("details", {}, make("summary", {}, "Evidence"), list);
}

// What is said of a pair in one line, which opens it, and what can be decided of it.
function drawLine(card, pair, { open, one, other, note }) {
  const weakest = card.weakest === pair && card.pairs.length > 1;
  const notes = [note, weakest ? "the weakest link" : ""].filter((text) => text);
  const odds = { class: "confidence", title: "Probability that merging the two is right" };
  return make("div", { class: "line" },
    make("button", { type: "button", class: "opener", "aria-expanded": String(open) },
      make("span", { class: `badge ${kindOf(pair)}` }, core.relations[pair.relation]),
      make("b", odds, percent(pair.logOdds)),
      make("span", { class: "ends" }, `${one} – ${other}`),
      make("span", { class: "words" }, inWords(pair, one, other)),
      ...notes.map((text) => make("span", { class: "note" }, text))),
    drawVerdicts(pair, `${one} and ${other}`));
}

// One pair, and where it is open its pictures side by side.
function drawPair(card, pair, { open, labelOf }) {
  const details = detailsOf(pair);
  const [one, other] = [labelOf(pair.a), labelOf(pair.b)];
  const line = drawLine(card, pair, { open, one, other, note: details.note });
  const row = make("li", { class: "pair", id: `pair-${pair.row}`, tabindex: "-1" }, line);
  if (open) {
    const keeper = card.group ? card.members[0] : -1;
    row.append(make("div", { class: "faces" },
      drawFigure(pair.a, { label: one, keep: pair.a === keeper, overlay: details.a }),
      drawFigure(pair.b, { label: other, keep: pair.b === keeper, overlay: details.b }),
      drawEvidence(details)));
  }
  return row;
}

function headingOf(card) {
  if (card.group) {
    const spare = card.members.slice(1).reduce((sum, row) => sum + pictures[row].bytes, 0);
    const members = card.members.length + card.moreMembers;
    return [`Group ${card.number}`, `${plural(members, "picture")}, ${byteSize(spare)} to spare`];
  }
  const of = card.leftOutOf;
  const groups = `${of.length > 1 ? "groups" : "group"} ${of.join(" and ")}`;
  return [`Pair ${card.number}`, of.length ? `left out of ${groups}` : "not merged"];
}

function drawRest(card, shown) {
  const rest = [];
  if (card.moreMembers) rest.push(`${plural(card.moreMembers, "more picture")} in groups.json`);
  if (card.moreLinks) rest.push(`${plural(card.moreLinks, "more pair")} in pairs.csv`);
  if (card.leftOut) rest.push(`${plural(card.leftOut, "link")} to pictures outside left out`);
  const hidden = plural(card.pairs.length - shown, "more pair");
  const more = card.pairs.length > shown
    ? make("button", { type: "button", class: "more" }, `Show ${hidden}`) : null;
  return more || rest.length ? make("p", { class: "rest" }, more, rest.join("; ")) : null;
}

// Holds the place of a card that is not near the screen.
function drawStub(card) {
  const [title, facts] = headingOf(card);
  return make("article", { class: "card stub", "aria-label": title },
    make("h2", {}, title, " ", make("small", {}, facts)));
}

// `card.open` is the pair whose pictures are shown, `card.whole` whether all pairs are listed.
function drawCard(card) {
  const [title, facts] = headingOf(card);
  card.open ??= card.pairs[0];
  const places = new Map(card.members.map((row, i) => [row, String(i + 1)]));
  const labelOf = (row) => places.get(row) ?? fileName(pictures[row].shown);
  const listed = card.whole ? card.pairs
    : card.pairs.filter((pair, i) => i < SOME_LINKS || pair === card.open);
  const links = listed.map((pair) => drawPair(card, pair, { open: pair === card.open, labelOf }));
  const strip = card.members.length > 2 ? make("div", { class: "strip" }, ...card.members.map(
    (row, i) => drawFigure(row, { label: String(i + 1), keep: i === 0 }))) : null;
  return make("article", { class: "card", "aria-label": title },
    make("h2", {}, title, " ", make("small", {}, facts)), strip,
    make("ul", { class: "pairs" }, ...links), drawRest(card, listed.length));
}

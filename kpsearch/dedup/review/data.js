"use strict";
// What the page holds. The order of the columns is that of payload.py.

const core = JSON.parse(document.getElementById("core").textContent);

const pictures = core.pictures.map(([path, width, height, bytes, hash, thumbnail, shown]) => (
  { path, width, height, bytes, hash, thumbnail, shown: shown ?? path }
));

// `twin` is the first pair of the same two contents: what is decided of one holds for all.
const pairs = (() => {
  const first = new Map();
  return core.pairs.map(([a, b, relation, logOdds, verdict, same], row) => {
    const contents = [pictures[a].hash, pictures[b].hash].sort().join();
    if (!first.has(contents)) first.set(contents, row);
    return {
      row, a, b, relation, merges: core.merging[relation], logOdds,
      known: core.verdicts[verdict], same: same === 1, twin: first.get(contents),
    };
  });
})();

const cards = core.groups.map(
  ([members, from, links, weakest, moreMembers, moreLinks, leftOut], i) => ({
    number: i + 1, group: true, members, pairs: pairs.slice(from, from + links),
    weakest: weakest < 0 ? null : pairs[from + weakest], moreMembers, moreLinks, leftOut,
  }),
);
pairs.slice(core.firstSingle).forEach((pair, i) => cards.push({
  number: i + 1, group: false, members: [pair.a, pair.b], pairs: [pair],
  leftOutOf: core.leftOutOf[i],
}));

for (const card of cards) for (const pair of card.pairs) pair.card = card;

// Rows of a list that lies in blocks; a few blocks stay parsed.
function blockReader(name, size) {
  const parsed = new Map();
  return (row) => {
    const block = Math.floor(row / size);
    if (!parsed.has(block)) {
      if (parsed.size === 96) parsed.delete(parsed.keys().next().value);
      parsed.set(block, JSON.parse(document.getElementById(`${name}-${block}`).textContent));
    }
    return parsed.get(block)[row % size];
  };
}

const detailRow = blockReader("details", core.detailsABlock);
const thumbnailOf = blockReader("pictures", core.picturesABlock);

function detailsOf(pair) {
  const [note, evidence, outlineA, outlineB, gridA, gridB] = detailRow(pair.row);
  const [a, b] = [{ outline: outlineA, grid: gridA }, { outline: outlineB, grid: gridB }];
  return { note, evidence, a, b };
}

// Columns, rows and the level, 0 to 9, of each cell; null for a grid that agrees everywhere.
function parseGrid(text) {
  if (!text) return null;
  const [, columns, rows, runs] = /^(\d+)x(\d+):(.*)$/.exec(text);
  const levels = new Uint8Array(columns * rows);
  let at = 0;
  for (const [, letter, count] of runs.matchAll(/([a-j])(\d*)/g)) {
    const end = at + Number(count || 1);
    levels.fill(letter.charCodeAt(0) - 97, at, end);
    at = end;
  }
  return { columns: Number(columns), rows: Number(rows), levels };
}

const confidence = (logOdds) => 1 / (1 + Math.exp(-logOdds));

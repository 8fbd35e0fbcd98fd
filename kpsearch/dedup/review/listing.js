// Which cards are listed, in which order, and at which of their pairs the keys stop.

const searchable = (text) => text.normalize("NFC").toLowerCase();

// As searched, once it has been asked for.
const pathOf = (row) => (pictures[row].searchable ??= searchable(pictures[row].shown));

const nats = (percent) => {
  const share = percent / 100;
  return share <= 0 ? -Infinity : share >= 1 ? Infinity : Math.log(share / (1 - share));
};

// A pair as the filter has it; a card is listed if it has one such pair, or, where nothing is
// asked of pairs, if its paths fit.
function pairFilter({ relation, low, high, decided }) {
  const [least, most] = [nats(low), nats(high)];
  return (pair) => (relation === "" || pair.relation === Number(relation))
    && pair.logOdds >= least && pair.logOdds <= most
    && (decided === "" || (!pair.same && (verdictOf(pair) !== null) === (decided === "yes")));
}

// What to sort by, a number, smallest first; cards that are equal stay as found. A group is as
// sure as its weakest link.
const sortKeys = {
  doubt: (card) => card.pairs.reduce(
    (least, pair) => (isOpen(pair) ? Math.min(least, Math.abs(pair.logOdds)) : least), Infinity),
  sure: (card) => -(card.weakest ?? card.pairs[0])?.logOdds,
  size: (card) => (card.size ??= card.members.reduce(
    (sum, row) => sum - 1 - pictures[row].bytes / 1e13, -(card.moreMembers ?? 0))),
  path: (card) => ranks()[card.members[0]],
};

// The place of each picture by its path.
let ranked = null;
function ranks() {
  if (ranked) return ranked;
  const rows = pictures.map((picture, row) => row);
  const after = (one, other) => pathOf(one) > pathOf(other);
  rows.sort((one, other) => after(one, other) - after(other, one));
  ranked = new Float64Array(rows.length);
  rows.forEach((row, rank) => { ranked[row] = rank; });
  return ranked;
}

function sorted(list, order) {
  const key = sortKeys[order];
  if (!key) return list;
  const keys = Float64Array.from(list, key);
  const places = Uint32Array.from(list, (card, place) => place);
  places.sort((one, other) => keys[one] - keys[other] || one - other || 0);
  return Array.from(places, (place) => list[place]);
}

// The cards, each told its place, and the pairs at which the keys stop.
function listCards(filter) {
  const fits = pairFilter(filter);
  const free = filter.relation + filter.decided === "" && filter.low <= 0 && filter.high >= 100;
  const text = searchable(filter.text);
  const list = sorted(
    cards.filter((card) => (filter.kind === "" || card.group === (filter.kind === "group"))
      && (text === "" || card.members.some((row) => pathOf(row).includes(text)))
      && (free || card.pairs.some(fits))),
    filter.order,
  );
  const stops = [];
  list.forEach((card, place) => {
    card.place = place;
    for (const pair of card.pairs) if (!pair.same && (free || fits(pair))) stops.push(pair);
  });
  return { list, stops };
}

"""The look of the page: light and dark, wide and narrow, screen and paper."""

STYLESHEET = """\
:root {
  --paper: #f6f5f2; --card: #ffffff; --ink: #22262b; --quiet: #61676d; --line: #e3e1db;
  --yes: #1d6f62; --yes-soft: #e2f0ec; --none: #80560f; --none-soft: #f6ecd8;
  --wrong: #a3323c; --wrong-soft: #f8e4e4;
  --s1: #2f5d73; --s2: #4f8294; --s3: #7fa9b0; --s4: #b3c9c4; --s5: #d9b98c; --s6: #b98d62;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131517; --card: #1b1e21; --ink: #e5e5e1; --quiet: #9aa1a7; --line: #2c3034;
    --yes: #7accb2; --yes-soft: #1d332e; --none: #d8b068; --none-soft: #352c1a;
    --wrong: #ec959c; --wrong-soft: #3a2123;
    --s1: #9cc7d1; --s2: #73a5b3; --s3: #517f90; --s4: #3b5c69; --s5: #8f7450; --s6: #b9986c;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; padding: 3rem 1.5rem 2rem; max-width: 78rem;
  background: var(--paper); color: var(--ink);
  font: 0.9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 {
  margin: 0 0 1rem; font-size: 1.75rem; font-weight: 600; line-height: 1.2;
  letter-spacing: -0.015em; overflow-wrap: anywhere;
}
header { margin-bottom: 2rem; }
.index { display: flex; flex-wrap: wrap; gap: 0.5rem 2.25rem; margin: 0 0 1.25rem; }
.index dt { color: var(--quiet); font-size: 0.8125rem; }
.index dt::first-letter { text-transform: uppercase; }
.index dd { margin: 0; overflow-wrap: anywhere; }
.figures {
  display: flex; flex-wrap: wrap; gap: 0.25rem 1.75rem; margin: 0; padding: 0.875rem 0;
  border-block: 1px solid var(--line); color: var(--quiet);
}
.figures b { color: var(--ink); font-weight: 600; }
.overview { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 1rem; }
.overview a {
  min-width: 1.5rem; height: 1.5rem; border-radius: 3px; font-size: 0.75rem; line-height: 1.5rem;
  text-align: center; text-decoration: none; color: var(--yes); background: var(--yes-soft);
}
.overview a.no-match { color: var(--none); background: var(--none-soft); }
.overview a.wrong { color: var(--wrong); background: var(--wrong-soft); }
.overview a:hover, .overview a:focus-visible { outline: 2px solid currentColor; }
.card {
  display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 1.75rem;
  margin-bottom: 1.25rem; padding: 1.5rem; scroll-margin-top: 1rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
.card:target { border-color: var(--quiet); }
h2 {
  margin: 0.75rem 0 0.5rem; font-size: 0.9375rem; font-weight: 600; line-height: 1.35;
  overflow-wrap: anywhere;
}
.folder {
  display: block; color: var(--quiet); font-size: 0.8125rem; font-weight: 400; line-height: 1.4;
  overflow-wrap: anywhere;
}
.status { display: flex; align-items: center; gap: 0.5rem; margin: 0 0 0.375rem; }
.badge { padding: 0.0625rem 0.5625rem; border-radius: 99px; font-size: 0.8125rem; }
.badge.matched { color: var(--yes); background: var(--yes-soft); }
.badge.no-match { color: var(--none); background: var(--none-soft); }
.mark { font-weight: 600; }
.mark.right { color: var(--yes); }
.mark.wrong { color: var(--wrong); }
.facts { margin: 0; color: var(--quiet); font-size: 0.8125rem; }
img { display: block; max-width: 100%; height: auto; }
.thumbnail { border-radius: 5px; }
.tiny { width: auto; max-width: 3rem; max-height: 2.25rem; border-radius: 3px; }
.matches { display: grid; gap: 1rem; margin-bottom: 1.25rem; }
.match { border-radius: 6px; }
.note { margin: 0 0 1rem; color: var(--quiet); overflow-wrap: anywhere; }
.missing {
  margin: 0; padding: 0.75rem; border: 1px dashed var(--line); border-radius: 5px;
  color: var(--quiet); font-size: 0.8125rem; overflow-wrap: anywhere;
}
.tiny.missing { max-width: none; max-height: none; padding: 0; border: 0; }
table { width: 100%; border-collapse: collapse; }
th { color: var(--quiet); font-size: 0.8125rem; font-weight: 400; }
th, td {
  padding: 0.375rem 1rem 0.375rem 0; border-bottom: 1px solid var(--line); text-align: left;
}
th:last-child, td:last-child { padding-right: 0; width: 1%; }
.number { width: 1%; text-align: right; white-space: nowrap; }
.small { width: 4rem; }
.item { line-height: 1.35; overflow-wrap: anywhere; }
.item .mark { margin-left: 0.5rem; }
.unverified { color: var(--quiet); }
.stages { margin-top: 1.25rem; font-size: 0.8125rem; color: var(--quiet); }
.bar { display: flex; gap: 1px; height: 6px; border-radius: 3px; overflow: hidden; }
.bar span { flex-basis: 0; min-width: 1px; }
.bar span:nth-child(6n+1), li:nth-child(6n+1) i { background: var(--s1); }
.bar span:nth-child(6n+2), li:nth-child(6n+2) i { background: var(--s2); }
.bar span:nth-child(6n+3), li:nth-child(6n+3) i { background: var(--s3); }
.bar span:nth-child(6n+4), li:nth-child(6n+4) i { background: var(--s4); }
.bar span:nth-child(6n+5), li:nth-child(6n+5) i { background: var(--s5); }
.bar span:nth-child(6n), li:nth-child(6n) i { background: var(--s6); }
.stages ul {
  display: flex; flex-wrap: wrap; gap: 0.125rem 1.25rem; margin: 0.5rem 0 0; padding: 0;
  list-style: none;
}
.stages i {
  display: inline-block; width: 8px; height: 8px; margin-right: 0.4375rem; border-radius: 2px;
}
.stages b { color: var(--ink); font-weight: 400; }
.stages .total { margin-left: auto; }
footer { margin-top: 2rem; color: var(--quiet); font-size: 0.8125rem; }
@media (max-width: 46rem) {
  body { padding: 1.5rem 1rem; }
  .card { grid-template-columns: minmax(0, 1fr); gap: 1.25rem; padding: 1rem; }
  .query {
    display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); column-gap: 1rem;
    grid-template-rows: auto auto 1fr;
  }
  .query .thumbnail { grid-row: 1 / span 3; }
  .query h2 { margin-top: 0; }
  .stages .total { margin-left: 0; }
}
@media screen and (max-width: 34rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr {
    display: grid; grid-template-columns: 1rem 2.5rem repeat(3, auto) 1fr; gap: 0.125rem 0.625rem;
    padding: 0.5rem 0; border-bottom: 1px solid var(--line);
  }
  td, td:last-child { width: auto; padding: 0; border: 0; text-align: left; }
  .tiny { max-width: 100%; }
  .small { width: auto; grid-row: 1 / span 2; grid-column: 2; }
  .item { grid-column: 3 / -1; }
  td[data-label] { font-size: 0.8125rem; white-space: nowrap; }
  td[data-label]::before { content: attr(data-label) " "; color: var(--quiet); }
  td:nth-child(1) { grid-row: 1 / span 2; }
  td:nth-child(n+4) { grid-row: 2; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  body { max-width: none; padding: 0; background: none; font-size: 9pt; }
  .overview { display: none; }
  .card { border-color: #cccccc; }
  .card, tr, img { break-inside: avoid; }
  .bar, .stages i, .badge { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}"""

"""What the page of a comparison adds to the look of all reports."""

STYLESHEET = """
body { max-width: 84rem; }
section { margin-bottom: 2.5rem; }
.standings {
  margin-bottom: 0.75rem; padding: 0.5rem 1.5rem 0.75rem; overflow-x: auto;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
main > h2 { margin: 1.75rem 0 0.75rem; }
.standings table, .standings thead, .standings tbody, .standings tr { position: static; }
.standings th, .standings td { padding: 0.375rem 1.5rem 0.375rem 0; white-space: nowrap; }
.standings th:last-child, .standings td:last-child { width: auto; padding-right: 0; }
.standings tbody th { color: var(--ink); font-size: inherit; }
.standings th[scope="rowgroup"] { padding-top: 1.125rem; font-weight: 600; }
.standings th[scope="row"] { padding-left: 0.75rem; }
.standings tbody:last-child tr:last-child > * { border-bottom: 0; }
.standings b { font-weight: 400; }
.standings .best b { font-weight: 700; }
.standings .number { width: auto; }
.standings .mark { font-size: 0.75rem; }
.quiet { color: var(--quiet); }
small { color: var(--quiet); font-size: 0.8125rem; font-weight: 400; }
.whisker {
  display: block; position: relative; width: 8.5rem; height: 5px; margin-top: 2px;
  border-bottom: 1px solid var(--line);
}
.whisker::before, .whisker i { content: ""; position: absolute; background: var(--s2); }
.whisker::before {
  left: var(--low); width: max(1px, calc(var(--high) - var(--low))); top: 3px; height: 3px;
  opacity: 0.5;
}
.whisker i { left: calc(var(--at) - 1px); top: 1px; width: 3px; height: 7px; border-radius: 1px; }
.legend { max-width: 60rem; color: var(--quiet); font-size: 0.8125rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1.25rem; }
figure {
  margin: 0; padding: 1.25rem 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px;
}
figure h2 { margin: 0 0 0.75rem; }
figure img { width: 100%; padding: 0.25rem; border-radius: 5px; background: #ffffff; }
figcaption { margin-top: 0.75rem; color: var(--quiet); font-size: 0.8125rem; }
.duel .title { margin: 0 0 0.75rem; font-size: 1.25rem; }
.duel .figures { margin-bottom: 1.25rem; }
h3 { margin: 1.5rem 0 0.75rem; font-size: 1rem; font-weight: 600; }
.duel .card { margin-bottom: 0.75rem; padding: 1.25rem 1.5rem; }
.duel .thumbnail { max-height: 8.5rem; width: auto; }
.duel .card h2 { margin-bottom: 0.25rem; }
.sides { display: grid; gap: 1rem; align-content: center; }
.side p { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0 0 0.375rem; color: var(--quiet); }
.side p b { color: var(--ink); font-weight: 600; }
.side .first { margin-left: auto; }
.side ol { display: grid; grid-template-columns: repeat(5, 1fr); gap: 0.5rem; margin: 0;
  padding: 0; list-style: none; }
.side li {
  position: relative; display: grid; place-items: center; height: 6.25rem; overflow: hidden;
  border-radius: 5px; background: var(--paper); border-bottom: 3px solid var(--wrong);
}
.side li.right { border-bottom-color: var(--yes); }
.side .hit { max-width: 100%; max-height: 6rem; width: auto; object-fit: contain; }
.side .mark {
  position: absolute; right: 0.25rem; top: 0.25rem; width: 1.25rem; border-radius: 99px;
  background: var(--wrong-soft); font-size: 0.75rem; line-height: 1.25rem; text-align: center;
}
.side .mark.right { background: var(--yes-soft); }
@media (max-width: 34rem) {
  .standings table { display: table; }
  .standings thead { display: table-header-group; width: auto; height: auto; clip-path: none; }
  .standings tbody { display: table-row-group; }
  .standings tr { display: table-row; }
  .standings td, .standings td:last-child { border-bottom: 1px solid var(--line); }
  .plots { grid-template-columns: minmax(0, 1fr); }
  .side li { height: 4rem; }
  .side .hit { max-height: 3.75rem; }
}
@media print { .standings { overflow: visible; } }
"""

"""What the page for review adds to the look of all reports."""

STYLESHEET = """
:root { --tint: #d90085; --frame: #ffa64d; --focus: #2f6fd0; }
@media (prefers-color-scheme: dark) { :root { --focus: #8ab4f8; } }
body { max-width: 84rem; --side: 18rem; }
header { margin-bottom: 1rem; }
button, select, input {
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 0.25rem 0.625rem;
}
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--quiet); }
button:disabled { color: var(--quiet); opacity: 0.7; cursor: default; }
input[type="number"] { width: 5rem; }
input[type="checkbox"] { accent-color: var(--yes); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
kbd { padding: 0 0.375rem; border: 1px solid var(--line); border-radius: 4px; font: inherit; }
small, .quiet { color: var(--quiet); font-size: 0.8125rem; font-weight: 400; }
.visually-hidden {
  position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
.tools {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; align-items: center;
  gap: 0.5rem 1rem; padding: 0.75rem 0; background: var(--paper);
  border-bottom: 1px solid var(--line); color: var(--quiet);
}
.tools[hidden], .pages[hidden] { display: none; }
.tools select, .tools input, .tools button { color: var(--ink); }
.tools .search { flex: 1 1 10rem; display: flex; align-items: center; gap: 0.375rem; }
.tools .search input { flex: 1; min-width: 6rem; width: 100%; }
.actions { display: flex; flex-wrap: wrap; gap: 0.375rem; }
#difference[aria-pressed="true"] { color: var(--yes); border-color: currentColor; }
.count { margin: 0.75rem 0; color: var(--quiet); }
.card { display: block; padding: 1.25rem 1.5rem 1rem; scroll-margin-top: 5rem; }
.stub { min-height: calc(var(--side) + 9rem); }
h2 { margin: 0 0 0.875rem; }
figure { position: relative; margin: 0; min-width: 0; }
figcaption { margin-top: 0.375rem; font-size: 0.8125rem; line-height: 1.35; }
figcaption > * { overflow-wrap: anywhere; }
.file, .facts { display: block; }
.who { color: var(--quiet); }
.keep {
  padding: 0 0.4375rem; border-radius: 99px; font-weight: 600; color: var(--yes);
  background: var(--yes-soft);
}
.strip { display: flex; flex-wrap: wrap; gap: 1rem 1.25rem; margin-bottom: 1rem; }
.strip figure { width: 8rem; }
.strip .plate { height: 8rem; }
.strip .folder { display: none; }
.plate { position: relative; display: flex; align-items: flex-end; width: fit-content; }
.plate img { border-radius: 4px; background: #fff; }
.strip .plate img { width: auto; max-height: 8rem; }
.kept .plate img { outline: 2px solid var(--yes); outline-offset: 2px; }
.plate .missing { width: 8rem; }
.faces .missing { width: min(100%, var(--side)); }
.faces {
  display: grid; gap: 1.25rem 2rem; padding: 0.75rem 0 0.25rem;
  grid-template-columns: repeat(2, minmax(0, max(var(--side), 14rem))) minmax(0, 1fr);
}
.faces img { width: auto; height: auto; min-width: min(100%, 3rem); max-height: var(--side); }
.grid, .outline { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 4px; }
.outline polygon { fill: none; vector-effect: non-scaling-stroke; }
.outline .edge { stroke: rgb(18 20 24 / 75%); stroke-width: 4px; }
.outline .line { stroke: var(--frame); stroke-width: 2px; }
.plain .grid, .plain .outline { visibility: hidden; }
.pairs { margin: 0; padding: 0; list-style: none; }
.pair { padding: 0.4375rem 0.625rem; margin: 0 -0.625rem; border-radius: 8px; }
.pair + .pair { border-top: 1px solid var(--line); }
.pair { scroll-margin: 9rem 0 1.5rem; }
.pair:focus { outline: 0; }
.pair[aria-current] { box-shadow: inset 3px 0 0 var(--focus); background: var(--paper); }
.line {
  display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between;
  gap: 0.375rem 1rem;
}
.opener {
  display: flex; flex: 1 1 20rem; flex-wrap: wrap; align-items: baseline; gap: 0.125rem 0.75rem;
  padding: 0.125rem 0; border: 0; background: none; text-align: left;
}
.opener .note, .words { margin: 0; color: var(--quiet); }
.opener .note::before { content: "· "; }
.confidence { min-width: 4.5rem; }
.badge.merges { color: var(--yes); background: var(--yes-soft); }
.badge.apart { color: var(--none); background: var(--none-soft); }
.badge.unsure { color: var(--quiet); background: var(--line); }
.verdicts { display: flex; gap: 0.25rem; }
.verdicts [aria-pressed="true"] { font-weight: 600; border-color: currentColor; }
.verdicts .same[aria-pressed="true"] { color: var(--yes); background: var(--yes-soft); }
.verdicts .variant[aria-pressed="true"] { color: var(--none); background: var(--none-soft); }
.verdicts .different[aria-pressed="true"] { color: var(--wrong); background: var(--wrong-soft); }
details { font-size: 0.8125rem; color: var(--quiet); }
summary { cursor: pointer; width: fit-content; }
details dl {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0.125rem 2rem;
  margin: 0.375rem 0 0;
}
details dl div, #keys dl div { display: flex; justify-content: space-between; gap: 0.75rem; }
details dt { overflow-wrap: anywhere; }
dd { margin: 0; color: var(--ink); }
.rest { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center; margin: 0.5rem 0 0;
  color: var(--quiet); font-size: 0.8125rem; }
.pages { display: flex; justify-content: center; align-items: center; gap: 1rem; }
dialog {
  max-width: 30rem; padding: 1.5rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 10px;
}
dialog::backdrop { background: rgb(0 0 0 / 45%); }
#keys dl { margin: 0 0 1rem; }
#keys dl div { justify-content: flex-start; padding: 0.1875rem 0; }
#keys dt { flex: 0 0 4.5rem; }
#keys form { display: flex; justify-content: space-between; align-items: center; }
@media (max-width: 46rem), (max-height: 34rem) { .tools { position: static; } }
@media (max-width: 62rem) {
  .faces { grid-template-columns: repeat(2, minmax(0, max(var(--side), 14rem))); }
  .faces details { grid-column: 1 / -1; }
}
@media (max-width: 46rem) {
  .faces { gap: 0.75rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .card { padding: 1rem; }
}
@media print {
  .tools, .pages, .count, .more, details:not([open]),
  .verdicts button:not([aria-pressed="true"]) { display: none; }
  .pair[aria-current] { box-shadow: none; background: none; }
  .grid, .badge, .keep { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .faces img { max-height: 6cm; }
}
"""

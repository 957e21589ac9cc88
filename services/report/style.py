"""The style of `report.html`: system fonts, light and dark by the reader's own setting, readable when printed."""

from __future__ import annotations

STYLE = """
:root { --ink:#1b1f24; --soft:#57606a; --line:#d8dee4; --page:#ffffff; --panel:#f6f8fa; --link:#0a5bb5;
  --good:#1a7f37; --good-panel:#e9f7ee; --bad:#b42318; --bad-panel:#fdeceb; --fair:#8a5a00; --fair-panel:#fff6e0;
  --base:#6e7781; --tried:#0969da; --shipped:#1a7f37; --test:#8250df; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6edf3; --soft:#9da7b1; --line:#30363d; --page:#0d1117;
  --panel:#161b22; --link:#6cb6ff; --good:#4ac26b; --good-panel:#12261a; --bad:#ff7b72; --bad-panel:#2d1516;
  --fair:#e3b341; --fair-panel:#272011; --base:#8b949e; --tried:#58a6ff; --shipped:#3fb950; --test:#bc8cff; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--page); color:var(--ink); font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
  "Noto Sans",sans-serif; }
header, main { max-width:62rem; margin:0 auto; padding:0 1.25rem; }
h1 { font-size:1.5rem; line-height:1.25; margin:1.5rem 0 .5rem; overflow-wrap:anywhere; }
h2 { font-size:1.2rem; margin:0; }
section { margin:1.5rem 0; padding-top:1.25rem; border-top:1px solid var(--line); }
main > section:first-child { border:0; padding:0; margin-top:.75rem; }
section > h2 { margin-bottom:.5rem; }
summary { cursor:pointer; } summary h2 { display:inline; } details[open] > summary { margin-bottom:.5rem; }
nav { display:flex; flex-wrap:wrap; gap:.1rem .9rem; font-size:.85rem; }
a { color:var(--link); } nav a { text-decoration:none; } nav a:hover { text-decoration:underline; }
a.figure { color:inherit; text-decoration:underline dotted var(--soft); text-underline-offset:.2em; }
a.short { white-space:nowrap; }
a.figure:hover { color:var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline:2px solid var(--link); outline-offset:2px; }
p, li { overflow-wrap:anywhere; } ul { padding-left:1.3rem; } li { margin:.2rem 0; }
.verdict { font-size:1.1rem; padding:.8rem 1rem; border-left:5px solid; border-radius:4px; background:var(--panel); }
.verdict.good { border-color:var(--good); background:var(--good-panel); }
.verdict.so_so { border-color:var(--fair); background:var(--fair-panel); }
.verdict.bad { border-color:var(--bad); background:var(--bad-panel); }
.verdict.open { border-color:var(--base); }
.yes { color:var(--good); white-space:nowrap; } .no { color:var(--bad); white-space:nowrap; font-weight:600; }
.star { color:var(--shipped); }
table { border-collapse:collapse; width:100%; margin:.6rem 0; font-size:.9rem; font-variant-numeric:tabular-nums; }
th, td { text-align:left; vertical-align:top; padding:.35rem .7rem .35rem 0; border-bottom:1px solid var(--line); }
tbody th { font-weight:400; } thead th { color:var(--soft); font-weight:600; font-size:.82rem; }
tr.strong > * { font-weight:600; } tr:target > * { background:var(--fair-panel); }
table.pairs th { color:var(--soft); width:14rem; }
.wide { overflow-x:auto; } .wide table { min-width:44rem; } .wide th[scope=row] { white-space:nowrap; }
.wide td:last-child { min-width:14rem; }
.depth1 { padding-left:1rem; } .depth2 { padding-left:2.2rem; } .depth3 { padding-left:3.4rem; }
.depth4 { padding-left:4.6rem; } .depth5 { padding-left:5.8rem; }
.depth6, .depth7, .depth8, .depth9 { padding-left:7rem; }
th[class^=depth]::before { content:"└ "; color:var(--soft); }
code, pre { font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; }
code { background:var(--panel); padding:.1em .3em; border-radius:3px; overflow-wrap:anywhere;
  white-space:break-spaces; }
pre { background:var(--panel); padding:.8rem 1rem; border-radius:4px; overflow-x:auto; }
pre code { padding:0; background:none; white-space:pre; }
figure { margin:1rem 0; } figcaption { font-weight:600; font-size:.95rem; }
svg { width:100%; height:auto; display:block; }
.legend { margin:.2rem 0 .4rem; font-size:.85rem; color:var(--soft); display:flex; flex-wrap:wrap; gap:.1rem 1.1rem; }
.legend i { display:inline-block; width:.7em; height:.7em; border-radius:50%; margin-right:.4em;
  background:var(--tried); }
.legend .base i { background:var(--base); } .legend .shipped i, .legend .good i { background:var(--shipped); }
.legend .test i { background:var(--test); } .legend .bad i { background:var(--bad); }
.legend .ships i { height:3px; width:1.4em; border-radius:0; vertical-align:middle; background:var(--shipped); }
svg text { font:14px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif; fill:var(--ink);
  paint-order:stroke; stroke:var(--page); stroke-width:4px; }
svg text.tick { fill:var(--soft); font-size:12.5px; } svg text.value { font-weight:600; }
svg line.grid { stroke:var(--line); stroke-width:1; }
svg line.target { stroke:var(--fair); stroke-width:1.5; stroke-dasharray:6 4; }
svg line.break { stroke:var(--soft); stroke-width:1; stroke-dasharray:1 4; }
svg line.floor { stroke:var(--base); stroke-width:1.5; stroke-dasharray:2 3; }
svg path.ships { fill:none; stroke:var(--shipped); stroke-width:2; opacity:.65; }
svg line.whisker { stroke-width:2.5; stroke:var(--tried); } svg circle, svg rect { fill:var(--tried); }
svg .base line { stroke:var(--base); } svg .base circle { fill:var(--base); }
svg .shipped line { stroke:var(--shipped); } svg .shipped circle, svg .good rect { fill:var(--shipped); }
svg .test line { stroke:var(--test); } svg .test circle { fill:var(--test); } svg .bad rect { fill:var(--bad); }
.wide td:last-child code { white-space:nowrap; } .note { color:var(--soft); font-size:.9rem; }
@media (max-width:40rem) { table.pairs th { width:8rem; } body { font-size:15px; }
  svg text { font-size:20px; } svg text.tick { font-size:18px; } }
@media print { nav { display:none; } body { font-size:11pt; } section { break-inside:avoid-page; } }
"""

/** How it looks: light and dark as the system is set, from a phone to a wide screen. */

import { icons } from './icon.ts';
import { turnStyle } from './turn-style.ts';

const signs = Object.entries(icons)
  .map(([name, path]) => {
    const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='black' stroke-width='1.7' stroke-linecap='round' stroke-linejoin='round'><path d='${path}'/></svg>`;
    return `.pages a[data-icon=${name}]::before{--sign:url("data:image/svg+xml,${encodeURIComponent(svg).replaceAll('%20', ' ').replaceAll('%3D', '=').replaceAll('%3A', ':').replaceAll('%2F', '/')}")}`;
  })
  .join('\n');

export const style: string = `
:root {
  --ground: #f5f6f8; --card: #fff; --raised: #fafbfc; --ink: #181b21; --soft: #565f6d; --line: #e2e5ea; --rule: #c9ced6;
  --accent: #2d57c8; --good: #11713f; --warn: #855200; --bad: #b42318; --calm: #3a5f8f; --on: #fff; --veil: #0f131a66;
  --shadow: 0 1px 2px #1018280d, 0 1px 3px #1018280f;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'Liberation Mono', monospace;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1115; --card: #161a20; --raised: #1a1f26; --ink: #e7eaef; --soft: #a0a9b6; --line: #262c35; --rule: #3a424e;
    --accent: #8fb1ff; --good: #62cf95; --warn: #e8b85c; --bad: #ff8d82; --calm: #96b9e2; --on: #0e1115; --veil: #000a;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif; -webkit-text-size-adjust: 100%; scroll-padding-top: 4.5rem; }
body { margin: 0; background: var(--ground); color: var(--ink); display: grid; min-height: 100vh;
  grid: 'top top' auto 'pages main' 1fr 'pages footer' auto / 13rem minmax(0, 1fr); font-variant-numeric: tabular-nums; }
a { color: var(--accent); text-underline-offset: .2em; text-decoration-thickness: 1px; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent); }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
code, pre, .mono { font-family: var(--mono); font-size: .875em; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; margin: .6rem 0; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.015em; margin: 0 0 1rem; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0; font-weight: 620; letter-spacing: -.005em; }
h3 { font-size: .95rem; margin: 1rem 0 .4rem; font-weight: 620; }
p { margin: .5rem 0; }
time, .nowrap { white-space: nowrap; }
.unseen, .skip:not(:focus) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: fixed; z-index: 9; top: .6rem; left: .6rem; background: var(--card); padding: .5rem .9rem; border-radius: 8px; box-shadow: var(--shadow); }
.soft, .note { color: var(--soft); }
.right { margin-left: auto; }

.top { grid-area: top; position: sticky; top: 0; z-index: 3; display: flex; align-items: center; gap: .8rem; padding: .55rem 1.4rem; min-height: 3.4rem;
  background: color-mix(in srgb, var(--card) 88%, transparent); backdrop-filter: blur(10px); border-bottom: 1px solid var(--line); }
.brand { display: inline-flex; align-items: center; gap: .5rem; font-weight: 680; letter-spacing: -.01em; font-size: 1.06rem; color: var(--ink); text-decoration: none; }
.eye { width: 1.5rem; height: 1.5rem; fill: none; stroke: var(--accent); stroke-width: 1.9; }
.eye circle { fill: var(--accent); stroke: none; }
.live { color: var(--warn); font-size: .85rem; }

.pages { grid-area: pages; padding: 1rem .7rem; border-right: 1px solid var(--line); background: var(--card); }
.pages ul { list-style: none; margin: 0; padding: 0; position: sticky; top: 4.4rem; display: grid; gap: 2px; }
.pages a { display: flex; align-items: center; gap: .65rem; padding: .42rem .7rem; border-radius: 8px; color: var(--soft); text-decoration: none; font-weight: 520; }
.pages a:hover { background: var(--ground); color: var(--ink); }
.pages a[aria-current] { background: color-mix(in srgb, var(--accent) 11%, transparent); color: var(--accent); }
.pages a::before { content: ''; width: 1.15rem; height: 1.15rem; flex: none; background: currentColor; -webkit-mask: var(--sign) center / contain no-repeat; mask: var(--sign) center / contain no-repeat; }
.count { position: relative; margin-left: auto; min-width: 1.35rem; padding: 0 .35rem; border-radius: 1rem; background: var(--bad); color: var(--on); font-size: .75rem; line-height: 1.35rem; font-weight: 650; text-align: center; }

main { grid-area: main; padding: 1.5rem 1.6rem 2rem; max-width: 84rem; width: 100%; min-width: 0; }
footer { grid-area: footer; padding: 0 1.6rem 1.4rem; font-size: .85rem; }
footer a { color: var(--soft); }

.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); align-items: start; margin: 0 0 1rem; }
.grid > .card { margin: 0; height: 100%; }
.grid > .wide { grid-column: 1 / -1; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.15rem 1.1rem; margin: 0 0 1rem; box-shadow: var(--shadow); min-width: 0; }
.card > header { display: flex; align-items: baseline; gap: .8rem; margin: 0 0 .7rem; flex-wrap: wrap; }
.card > header > :not(h2):first-of-type, .card > header > h2 + * { margin-left: auto; }
.card > header > h2 + * { color: var(--soft); font-size: .88rem; }
.sentence { font-size: 1.15rem; line-height: 1.45; letter-spacing: -.01em; margin: 0; display: flex; gap: .8rem; align-items: baseline; }
.sentence .lamp { align-self: center; }
.lamp { flex: none; display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; background: var(--soft); box-shadow: 0 0 0 4px color-mix(in srgb, currentColor 15%, transparent); }
.lamp.good { color: var(--good); background: var(--good); } .lamp.warn { color: var(--warn); background: var(--warn); } .lamp.bad { color: var(--bad); background: var(--bad); } .lamp.calm { color: var(--calm); background: var(--calm); }

.stats { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; margin: 0 0 1rem; }
.stat { padding: .8rem 1rem .75rem; margin: 0; min-width: 0; box-shadow: 1px 0 var(--line), 0 1px var(--line); }
.stat dt { color: var(--soft); font-size: .82rem; font-weight: 520; }
.stat dd { margin: .1rem 0 0; font-size: 1.5rem; font-weight: 640; letter-spacing: -.02em; line-height: 1.2; }
.stat dd.note { font-size: .82rem; font-weight: 400; letter-spacing: 0; line-height: 1.4; margin-top: .25rem; }
.stat.good dd:nth-of-type(1) { color: var(--good); } .stat.warn dd:nth-of-type(1) { color: var(--warn); } .stat.bad dd:nth-of-type(1) { color: var(--bad); }

.pill { display: inline-block; padding: .02rem .55rem; border-radius: 1rem; font-size: .8rem; font-weight: 580; white-space: nowrap; color: var(--soft); background: color-mix(in srgb, var(--soft) 12%, var(--card)); }
.pill.good { color: var(--good); background: color-mix(in srgb, var(--good) 11%, var(--card)); }
.pill.warn { color: var(--warn); background: color-mix(in srgb, var(--warn) 13%, var(--card)); }
.pill.bad { color: var(--bad); background: color-mix(in srgb, var(--bad) 11%, var(--card)); }
.pill.calm { color: var(--calm); background: color-mix(in srgb, var(--calm) 12%, var(--card)); }
.notice { padding: .6rem .9rem; border-radius: 10px; border: 1px solid var(--line); background: var(--card); margin: 0 0 1rem; overflow-wrap: anywhere; }
.notice.good { color: var(--good); background: color-mix(in srgb, var(--good) 8%, var(--card)); border-color: color-mix(in srgb, var(--good) 30%, var(--card)); }
.notice.warn { color: var(--warn); background: color-mix(in srgb, var(--warn) 8%, var(--card)); border-color: color-mix(in srgb, var(--warn) 30%, var(--card)); }
.notice.bad { color: var(--bad); background: color-mix(in srgb, var(--bad) 8%, var(--card)); border-color: color-mix(in srgb, var(--bad) 30%, var(--card)); }
.empty { color: var(--soft); margin: .3rem 0; }

.scroll { overflow-x: auto; margin: 0 -1.15rem -.4rem; padding: 0 1.15rem; }
.scroll:focus-visible { outline-offset: -2px; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th::first-letter { text-transform: uppercase; }
th { text-align: left; color: var(--soft); font-weight: 540; font-size: .82rem; white-space: nowrap; }
th, td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
tr > :last-child { padding-right: 0; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 4%, transparent); }
.number { text-align: right; white-space: nowrap; }
td { overflow-wrap: break-word; }
td .pill { vertical-align: middle; }
.facts { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: .3rem 1.2rem; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }

button, .button { font: inherit; font-weight: 540; font-size: .9rem; line-height: 1.3; padding: .36rem .8rem; border-radius: 8px; border: 1px solid var(--rule); background: var(--card); color: var(--ink); cursor: pointer; text-decoration: none; display: inline-block; white-space: nowrap; }
button:hover, .button:hover { border-color: var(--soft); background: var(--raised); }
button.primary, .button.primary { background: var(--accent); border-color: var(--accent); color: var(--on); }
button.primary:hover { background: color-mix(in srgb, var(--accent) 88%, var(--ink)); }
button.danger, .button.danger { color: var(--bad); border-color: color-mix(in srgb, var(--bad) 45%, var(--card)); }
button.danger:hover, .button.danger:hover { background: color-mix(in srgb, var(--bad) 8%, var(--card)); border-color: var(--bad); }
button.danger.strong { background: var(--bad); border-color: var(--bad); color: var(--on); }
button.strong { padding: .5rem 1.1rem; font-size: .95rem; }
button:disabled, form[aria-busy] button { opacity: .55; cursor: default; }
form.inline { display: inline; } form.inline + form.inline { margin-left: .35rem; }
td form.inline { display: inline-block; margin: .1rem .3rem .1rem 0; } td form.inline + form.inline { margin-left: 0; }
td form.inline button { padding: .18rem .6rem; font-size: .85rem; }
.scroll + form.inline { display: block; margin-top: 1rem; }
.buttons { display: flex; gap: .5rem; margin: 1rem 0 0; flex-wrap: wrap; align-items: center; }
label { color: var(--soft); font-size: .88rem; }
input, select, textarea { font: inherit; font-size: .93rem; color: var(--ink); background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .35rem .6rem; max-width: 100%; }
input:not([type=checkbox], [type=radio]), select { min-height: 2.2rem; }
input[type=checkbox], input[type=radio] { accent-color: var(--accent); }
textarea { width: 100%; min-height: 5rem; resize: vertical; }
.filter { display: flex; flex-wrap: wrap; gap: .6rem .9rem; align-items: end; margin: 0 0 1rem; }
.filter label { display: grid; gap: .15rem; }
.pager { margin: .8rem 0 0; }
details > summary { cursor: pointer; color: var(--soft); } details[open] > summary { margin-bottom: .4rem; }
dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: var(--ink); padding: 1.4rem 1.5rem; max-width: min(30rem, calc(100vw - 2rem)); box-shadow: 0 20px 60px #0005; }
dialog::backdrop { background: var(--veil); }
dialog label, .halting label { display: grid; gap: .2rem; }
.halting h2 { font-size: 1.15rem; }

svg.sparkline, svg.bars, svg.strip, svg.meter, svg.plot { display: block; width: 100%; overflow: visible; }
svg.sparkline { height: 1.4rem; min-width: 4rem; } svg.sparkline polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
svg.bars { height: 5.5rem; } svg.strip { height: 1.15rem; min-width: 8rem; } svg.meter { height: .5rem; border-radius: 1rem; overflow: hidden; }
svg rect { fill: var(--accent); } svg rect.good { fill: var(--good); } svg rect.warn { fill: var(--warn); } svg rect.bad { fill: var(--bad); } svg rect.calm { fill: var(--calm); }
svg.strip rect.good { opacity: .8; } svg.strip rect.plain { fill: var(--line); } svg.strip .gaps { stroke: var(--card); stroke-width: 10; fill: none; pointer-events: none; }
svg.meter .ground { fill: var(--line); } svg.meter .mark { fill: var(--ink); }
svg.bars rect:hover, svg.strip rect:hover, svg.plot .hit:hover { filter: brightness(1.25); }
.chart { margin: 0; display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem .6rem; }
.chart .scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; height: 7rem; margin: -.5rem 0; }
.chart .scale, .chart .feet { color: var(--soft); font-size: .76rem; line-height: 1rem; }
.chart .feet { grid-column: 2; display: flex; justify-content: space-between; }
.chart svg { height: 6rem !important; border-bottom: 1px solid var(--rule); background: linear-gradient(var(--line) 1px, transparent 1px) 0 0 / 100% 50%; }
svg.plot .area { fill: color-mix(in srgb, var(--accent) 14%, transparent); } svg.plot .line { fill: none; stroke: var(--accent); stroke-width: 1.8; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
svg.plot .guess { fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-dasharray: 4 4; vector-effect: non-scaling-stroke; }
svg.plot .limit { stroke: var(--bad); stroke-width: 1.2; stroke-dasharray: 2 3; vector-effect: non-scaling-stroke; } svg.plot .hit { fill: transparent; }
svg.plot .hit:hover { fill: color-mix(in srgb, var(--ink) 8%, transparent); filter: none; }

.budgets { display: grid; gap: .5rem; margin: .9rem 0 0; font-size: .9rem; }
.budgets > div { display: grid; grid-template-columns: 3.2rem minmax(3rem, 1fr) max-content; gap: 0 .8rem; align-items: center; }
.budgets .note { grid-column: 2 / -1; font-size: .82rem; }
.memory { display: grid; grid-template-columns: 4.5rem max-content; gap: .6rem; align-items: center; white-space: nowrap; }
.troubles { list-style: none; margin: 0; padding: 0; display: grid; gap: .7rem; }
.troubles li { display: grid; grid-template-columns: max-content minmax(0, 1fr) max-content; gap: .1rem .7rem; align-items: baseline; }
.troubles .what { overflow-wrap: anywhere; } .troubles .note { grid-column: 2; grid-row: 2; font-size: .82rem; }
.troubles form { grid-column: 3; grid-row: 1; }

.door { display: block; } .door main { max-width: 30rem; margin: 12vh auto 0; padding: 1.5rem; }
.door .brand { margin-bottom: 1.6rem; font-size: 1.2rem; }

@media (max-width: 56rem) {
  body { grid: 'top' auto 'pages' auto 'main' 1fr 'footer' auto / minmax(0, 1fr); }
  .top { padding: .5rem 1rem; }
  .pages { padding: .3rem .6rem; border-right: 0; border-bottom: 1px solid var(--line); overflow-x: auto; scrollbar-width: none; }
  .pages ul { display: flex; position: static; }
  .pages a { white-space: nowrap; padding: .38rem .6rem; }
  main { padding: 1.1rem 1rem 1.5rem; } footer { padding: 0 1rem 1.2rem; }
}
@media (max-width: 34rem) {
  html { font-size: 14.5px; }
  .minor { display: none; }
  .card { padding: .9rem .95rem 1rem; } .scroll { margin: 0 -.95rem -.3rem; padding: 0 .95rem; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .5rem; }
  .stats { grid-template-columns: 1fr 1fr; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } button, .button, .pages a { transition: background .12s, border-color .12s, color .12s; } }
@media (forced-colors: active) { .pages a::before { background: LinkText; } .pill { border: 1px solid; } }
${turnStyle}
${signs}
`;

/** How turns look: what was said, along which time it was done, and what waits for a yes. */

export const turnStyle: string = `
.verbatim { max-height: 26rem; overflow-y: auto; }
.asked details { margin: .5rem 0 0; } .asked .verbatim { max-height: none; font-size: .95rem; }
.part { border-top: 1px solid var(--line); padding: .8rem 0 .2rem; } .part + .part { margin-top: .8rem; } .part h3 { margin: 0 0 .4rem; } .part details { margin: .6rem 0; }
.waterfall ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 2px; }
.waterfall li, .waterfall .axis { display: grid; grid-template-columns: minmax(5rem, 12rem) minmax(0, 1fr) 4.5rem; gap: .8rem; align-items: center; font-size: .88rem; }
.waterfall .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .waterfall .took { color: var(--soft); text-align: right; white-space: nowrap; }
.waterfall svg { width: 100%; height: .95rem; background: linear-gradient(90deg, var(--line) 1px, transparent 1px) 0 0 / 25% 100%; } .waterfall rect.plain { fill: var(--rule); }
.waterfall .ticks { display: flex; justify-content: space-between; color: var(--soft); font-size: .76rem; }
.talk { list-style: none; margin: 0; padding: 0; display: grid; gap: .7rem; }
.talk > li { max-width: min(46rem, 92%); justify-self: end; background: color-mix(in srgb, var(--accent) 9%, var(--card)); border-radius: 12px 12px 3px 12px; padding: .5rem .85rem .6rem; overflow-wrap: anywhere; min-width: 0; }
.talk > li.own { justify-self: start; background: var(--raised); border: 1px solid var(--line); border-radius: 12px 12px 12px 3px; }
.talk > li.aside { border-style: dashed; } .talk > li.empty, .talk > li:has(> .asked) { justify-self: stretch; max-width: none; background: none; border: 0; padding: 0; }
.talk .who { color: var(--soft); font-size: .8rem; margin: 0 0 .15rem; } .talk p, .talk ul, .talk ol { margin: .3rem 0; } .talk blockquote { margin: .3rem 0; padding-left: .8rem; border-left: 3px solid var(--rule); color: var(--soft); }
td [dir=auto] { overflow-wrap: anywhere; } .words { white-space: pre-wrap; } .acts { display: flex; gap: .5rem; align-items: center; font-size: .85rem; } .acts button { padding: .1rem .5rem; font-size: .85rem; } .acts form.inline + form.inline { margin: 0; }
.chat { --around: 11rem; display: flex; flex-direction: column; gap: .8rem; height: calc(100dvh - var(--around)); min-height: 22rem; }
@media (max-width: 56rem) { .chat { --around: 13rem; } #notice:has(p) ~ .chat { --around: 17rem; } }
@media (min-width: 56.01rem) { #notice:has(p) ~ .chat { --around: 15rem; } } .chat > p { margin: 0; }
.talk-scroll { flex: 1; overflow-y: auto; display: flex; flex-direction: column-reverse; min-height: 0; } .talk-scroll > * { padding: .2rem .3rem; }
.say { display: flex; gap: .6rem; align-items: end; } .say textarea { min-height: 2.6rem; flex: 1; }
@media (min-width: 75rem) { .part .facts { grid-template-columns: 8.5rem minmax(0, 1fr) 8.5rem minmax(0, 1fr); } }
@media (max-width: 34rem) {
  .waterfall li, .waterfall .axis { grid-template-columns: 5.2rem minmax(0, 1fr) 3.4rem; gap: .5rem; } .waterfall .ticks > :nth-child(even) { display: none; }
}`;

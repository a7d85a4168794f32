/** The style of the HTML report. Colours come in pairs of at least 4.5 to 1, for light and for dark. */
export const htmlStyle = `
:root {
  color-scheme: light dark;
  --ink: #1f2328; --soft: #59636e; --paper: #ffffff; --panel: #f6f8fa; --line: #d1d9e0; --link: #0550ae;
  --guilty-ink: #82071e; --guilty: #ffebe9; --title: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9da7b1; --paper: #0d1117; --panel: #161b22; --line: #3d444d; --link: #79c0ff;
    --guilty-ink: #ffdcd7; --guilty: #5d1a1a; --title: #79c0ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
h1 { margin: 0 0 .75rem; font-size: .875rem; font-weight: 600; color: var(--soft); letter-spacing: .04em; text-transform: uppercase; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
.verdict { font-size: 1.25rem; line-height: 1.45; margin: 0 0 1rem; }
.small, footer { color: var(--soft); font-size: .875rem; }
code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; background: var(--panel); border-radius: .3em; padding: .12em .3em; overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; overflow-x: auto; line-height: 1.5; margin: .75rem 0; }
pre code { background: none; padding: 0; font-size: .8125rem; overflow-wrap: normal; }
.guilty { display: inline-block; min-width: 100%; background: var(--guilty); color: var(--guilty-ink); font-weight: 600; }
.title { color: var(--title); font-weight: 600; }
.boundary, .weak { color: var(--soft); }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; border: 1px solid var(--line); padding: .35rem .6rem; }
th { background: var(--panel); }
details { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .6rem 0; }
summary h2 { display: inline; font-size: 1rem; margin: 0; }
ul { padding-left: 1.3rem; }
li { margin: .2rem 0; }
a { color: var(--link); }
footer { border-top: 1px solid var(--line); margin-top: 2rem; }
.warnings { border-left: .25rem solid var(--guilty-ink); padding-left: .75rem; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
@media print { details > * { display: block; } pre { white-space: pre-wrap; } }
`;

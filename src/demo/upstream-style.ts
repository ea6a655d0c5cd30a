/** The style sheet of the demo upstream's pages. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ink: #1d2430;
  --dim: #5b6675;
  --paper: #fbfaf7;
  --card: #ffffff;
  --line: #dcd8cf;
  --mark: #0a6d5a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e3dc;
    --dim: #9aa3ad;
    --paper: #15181d;
    --card: #1c2026;
    --line: #343a43;
    --mark: #63d0b4;
  }
}
* {
  box-sizing: border-box;
}
body {
  margin: 0 auto;
  max-width: 52rem;
  padding: clamp(1rem, 4vw, 2.25rem);
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
h1 {
  margin: 0 0 0.35rem;
  font-size: clamp(1.35rem, 3.5vw, 1.75rem);
  line-height: 1.2;
  letter-spacing: -0.02em;
}
h2 {
  margin: 1.75rem 0 0.6rem;
  font-size: 1.05rem;
}
p {
  margin: 0.35rem 0;
}
a {
  color: var(--mark);
  text-underline-offset: 0.15em;
}
a:focus-visible {
  outline: 2px solid var(--mark);
  outline-offset: 2px;
  border-radius: 2px;
}
code,
output {
  font: 0.88em/1.5 ui-monospace, monospace;
  overflow-wrap: anywhere;
}
img {
  display: block;
  width: 100%;
  height: auto;
  margin: 1rem 0;
}
dl {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
  gap: 0.6rem;
  margin: 0;
}
dl div {
  padding: 0.6rem 0.8rem;
  border: 1px solid var(--line);
  border-radius: 0.5rem;
  background: var(--card);
}
dt {
  font-weight: 600;
}
dd {
  margin: 0;
  color: var(--dim);
  font-size: 0.92rem;
}
footer {
  margin-top: 1.75rem;
  padding-top: 0.75rem;
  border-top: 1px solid var(--line);
  color: var(--dim);
  font-size: 0.9rem;
}
`;

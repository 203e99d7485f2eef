import { createHash } from 'node:crypto'
import { Html, html } from './html.ts'
import type { PageLanguage } from './languages.ts'

const STYLE = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; background: light-dark(#f4f4f2, #1b1b1a); color: light-dark(#1b1b1a, #f4f4f2) }
main { box-sizing: border-box; width: min(26rem, 100%); padding: 2rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem }
p, li { overflow-wrap: anywhere }
a { color: light-dark(#1f4d8f, #a9c9ff) }
ul { padding-left: 1.2rem }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid currentcolor; border-radius: .3rem; background: transparent; color: inherit }
button { margin: 1.5rem .5rem 0 0; padding: .6rem 1.2rem; font: inherit; border: 1px solid light-dark(#1f4d8f, #a9c9ff); border-radius: .3rem; background: light-dark(#1f4d8f, #a9c9ff); color: light-dark(#fff, #10233f) }
button.inline { margin: 0 0 0 .5rem; padding: .2rem .6rem }
button.quiet { background: transparent; color: inherit; border-color: currentcolor }
:focus-visible { outline: 3px solid light-dark(#b35900, #ffb866); outline-offset: 2px }
[role=alert] { padding: .6rem; border-left: .3rem solid light-dark(#a00, #ff8a8a); background: light-dark(#fbe9e9, #3a1d1d) }
`

/** Source of the style in a content security policy. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** What differs between pages beside their words. */
export interface PageVariation {
  /** The language of the words. */
  readonly language?: PageLanguage
  /** What else is in `<head>`. */
  readonly head?: Html | null
}

/** A whole page. It needs neither scripts nor anything from elsewhere. */
export function page(title: string, body: Html, { language = 'en', head = null }: PageVariation = {}): Html {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
${head}</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
}

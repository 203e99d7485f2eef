import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import DOMPurify from 'dompurify'
import mermaid from 'mermaid'
import t from 'tap'
import { markdownPages } from '../support/markdown-pages.ts'
import { ROOT } from '../support/packages.ts'

// Only drawing needs a document, and nothing is drawn here: labels are parsed as they are.
Object.assign(DOMPurify, { addHook: () => {}, sanitize: (text: string) => text })

t.test('every picture of the documentation can be drawn', async t => {
  let pictures = 0
  for (const page of markdownPages()) {
    for (const [, text = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
      pictures++
      await t.resolves(mermaid.parse(text), `${page}: ${text.split('\n')[0]}`)
    }
  }
  t.ok(pictures >= 6, `${pictures} pictures`)
  await t.rejects(mermaid.parse('sequenceDiagram\n  A->>>>B hi'), 'a picture with a mistake is found')
})

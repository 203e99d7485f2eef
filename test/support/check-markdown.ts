// Says which Markdown pages have lines or table cells that are too long, and ends with 1 when one has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { markdownMistakes } from './markdown-form.ts'
import { markdownPages } from './markdown-pages.ts'
import { ROOT } from './packages.ts'

const mistakes = markdownPages().flatMap(page =>
  markdownMistakes(readFileSync(join(ROOT, page), 'utf8')).map(mistake => `${page}, ${mistake}`)
)
for (const mistake of mistakes) console.error(mistake)
process.exitCode = mistakes.length === 0 ? 0 : 1

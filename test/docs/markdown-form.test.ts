import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { markdownMistakes } from '../support/markdown-form.ts'
import { markdownPages } from '../support/markdown-pages.ts'
import { ROOT } from '../support/packages.ts'

const wide = `${'word '.repeat(24)}end`
const longCell = 'word '.repeat(61)

t.test('no page has a line over 120 columns or a table cell of 300 characters', async t => {
  const pages = markdownPages()
  t.ok(pages.includes('README.md') && pages.includes('plugins/health/README.md'))
  for (const page of pages) t.strictSame(markdownMistakes(readFileSync(join(ROOT, page), 'utf8')), [], page)
})

t.test('a wide line is named by its number, in prose, lists and after a code block', async t => {
  t.strictSame(markdownMistakes(`# Title\n\n${wide}\n`), ['line 3: 123 columns, 120 are allowed'])
  t.match(markdownMistakes(`- ${wide}`), [/^line 1: 125 columns/])
  t.match(markdownMistakes(`\`\`\`sh\nls\n\`\`\`\n${wide}`), [/^line 4: /])
})

t.test('a long table cell is named by its number, not counting links', async t => {
  t.match(markdownMistakes(`| a | b |\n|---|---|\n| ${longCell} | b |`), [/^line 3: a table cell of 304 characters/])
  t.strictSame(markdownMistakes(`| [one](${'x'.repeat(300)}) |`), [])
})

t.test('code, tables and single long words may be wide', async t => {
  t.strictSame(markdownMistakes(`\`\`\`ts\n${wide}\n\`\`\``), [])
  t.strictSame(markdownMistakes(`| ${wide} | ${wide} |`), [])
  t.strictSame(markdownMistakes(`- https://example.com/${'x'.repeat(120)}`), [])
})

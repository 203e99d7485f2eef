// Every file, folder and heading that a Markdown page names exists.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { missingNames } from '../support/markdown-names.ts'
import { markdownPages } from '../support/markdown-pages.ts'
import { ROOT } from '../support/packages.ts'

t.test('every file and heading that a page names exists', async t => {
  for (const page of markdownPages()) {
    t.strictSame(missingNames(page, readFileSync(join(ROOT, page), 'utf8')), [], page)
  }
})

t.test('a name that does not exist is found: a link, a heading, a file and a folder', async t => {
  const page = 'docs/planted.md'
  t.strictSame(missingNames(page, '[here](architecture.md#stages-of-a-request) and [gone](gone.md)'), [
    'link to gone.md'
  ])
  t.strictSame(missingNames(page, '[gone](architecture.md#no-such-heading)'), [
    'heading architecture.md#no-such-heading'
  ])
  t.strictSame(missingNames(page, '`app.ts`, `no-such-file.ts`, `reference-gateway/src/app.ts`'), [
    'file no-such-file.ts'
  ])
  t.strictSame(missingNames(page, '`plugins/metrics/src/` and `plugins/none/src/`'), ['file plugins/none/src/'])
  t.strictSame(missingNames(page, '```sh\ncat `no-such-file.ts`\n```\n'), [])
})

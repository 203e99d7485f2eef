// Every ```ts block of a page is a program that ends with exit 0; every ```sh block runs as written from the root.
// Blocks marked "fragment" or "manual" are not run here; the manual ones are run by test/e2e and by hand.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { markdownPages } from '../support/markdown-pages.ts'
import { ROOT, workspaces } from '../support/packages.ts'
import { readmeBlocks } from '../support/readme-blocks.ts'

const run = promisify(execFile)
const scratch = mkdtempSync(join(ROOT, 'test/docs/.readme-'))
t.teardown(() => rmSync(scratch, { recursive: true }))

// docs/adopt.md is a script of its own: npm run test:adoption runs it.
const pages = markdownPages().filter(page => page !== 'docs/adopt.md')

t.test('every workspace has a README', async t => {
  const readmes = workspaces().map(({ folder }) => join(folder, 'README.md'))
  t.strictSame(
    readmes.filter(readme => !pages.includes(readme)),
    []
  )
})

for (const [index, page] of pages.entries()) {
  t.test(`the code of ${page} runs as written`, async t => {
    const blocks = readmeBlocks(readFileSync(join(ROOT, page), 'utf8'))
    for (const [number, { language, mark, code }] of blocks.entries()) {
      if (mark !== '') {
        t.match(mark, /^(fragment|manual)$/, 'the mark is a known one')
      } else if (language === 'ts') {
        const file = join(scratch, `${index}-${number}.ts`)
        writeFileSync(file, code)
        await t.resolves(
          run(process.execPath, ['--conditions=@sallyport/source', file], { cwd: ROOT, timeout: 30_000 }),
          `block ${number + 1}: ${code.split('\n')[0]}`
        )
      } else if (language === 'sh') {
        await t.resolves(
          run('bash', ['-euc', code], { cwd: ROOT, timeout: 60_000 }),
          `block ${number + 1}: ${code.split('\n')[0]}`
        )
      }
    }
  })
}

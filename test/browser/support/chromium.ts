// Debian's Chromium, as a person has it: it trusts the authority of the test through a database of NSS, and shows a
// warning for every certificate that it does not trust.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isOnPath } from '@sallyport/local'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'

const run = promisify(execFile)
const CHROMIUM = '/usr/bin/chromium'
/** A page that does not come in this time will not come; generous for a busy machine. */
const LONGEST_WAIT_MS = 60_000

/** What a person's browser differs by. */
export type PersonOptions = Pick<
  BrowserContextOptions,
  'javaScriptEnabled' | 'viewport' | 'colorScheme' | 'locale' | 'userAgent'
>

/** One running Chromium. */
export interface Chromium {
  /** A browser without cookies, with one tab, for the length of `visit`. */
  readonly asPerson: <Result>(
    options: PersonOptions,
    visit: (page: Page, context: BrowserContext) => Promise<Result>
  ) => Promise<Result>
}

/** Why the tests of the browser are skipped, or `false` when everything is there. */
export function missingChromium(): string | false {
  if (!isOnPath('chromium')) return 'there is no chromium: apt-get install chromium'
  return isOnPath('certutil') ? false : 'there is no certutil: apt-get install libnss3-tools'
}

/**
 * Starts Chromium with a home of its own; it ends with the test.
 * @param caFile PEM of the one authority that it trusts beside those of the web; `null`: none
 */
export async function startChromium(t: Test, caFile: string | null): Promise<Chromium> {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-chromium-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  if (caFile !== null) await trustAuthority(home, caFile)
  const browser: Browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Without a display there is nothing else; the processes of a container have no namespaces for its sandbox.
    args: ['--disable-gpu', '--disable-dev-shm-usage', '--no-sandbox'],
    env: { PATH: process.env['PATH'] ?? '', HOME: home, LANG: 'C.UTF-8' }
  })
  t.after(() => browser.close())
  return {
    async asPerson(options, visit) {
      const context = await browser.newContext({ viewport: { width: 800, height: 700 }, locale: 'en', ...options })
      context.setDefaultTimeout(LONGEST_WAIT_MS)
      try {
        return await visit(await context.newPage(), context)
      } finally {
        await context.close()
      }
    }
  }
}

async function trustAuthority(home: string, caFile: string): Promise<void> {
  const database = join(home, '.pki/nssdb')
  mkdirSync(database, { recursive: true, mode: 0o700 })
  await run('certutil', ['-d', `sql:${database}`, '-N', '--empty-password'])
  await run('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'the authority of the test', '-i', caFile])
}

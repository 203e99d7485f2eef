// Runs several test files in one process: each is a subtest of its own, with its own hooks, title and timeout.
import { registerHooks } from 'node:module'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT } from '../packages.ts'

const SCOPED_TAP = new URL('scoped-tap.ts', import.meta.url)
const scopes = new Map<string, Test>()

/** The subtest in which a file's tests run. */
export function scopeOf(file: string): Test {
  const scope = scopes.get(file)
  if (scope === undefined) throw new Error(`${file} is not one of the files of this process`)
  return scope
}

/**
 * Imports the files one after the other. What a file gets for `tap` is the subtest made for it, so that its `t.before`,
 * `t.teardown` and tests are its own, as they are when it runs alone.
 * @param files absolute paths
 */
export async function runFiles(files: readonly string[], timeoutMs: number): Promise<void> {
  const urls = new Set(files.map(file => pathToFileURL(file).href))
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      if (specifier !== 'tap' || !urls.has(context.parentURL ?? '')) return nextResolve(specifier, context)
      const url = new URL(SCOPED_TAP)
      url.searchParams.set('file', context.parentURL ?? '')
      return { url: url.href, shortCircuit: true }
    }
  })
  for (const url of urls) {
    await t.test(relative(ROOT, new URL(url).pathname), { timeout: timeoutMs }, async scope => {
      scopes.set(url, scope)
      await import(url)
    })
  }
}

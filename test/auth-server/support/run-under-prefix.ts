import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Runs test files of the protocol once more, in processes of their own, with the issuer under a path. */
export function runUnderPrefix (files: readonly string[]): void {
  for (const file of files) {
    t.test(`${file}: everything holds under a path too`, async t => {
      const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(new URL(`../${file}.test.ts`, import.meta.url))], {
        env: { ...process.env, SALLYPORT_TEST_PREFIX: '/tenants/one', TAP: '1' }, stdio: ['ignore', 'pipe', 'inherit']
      })
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
      const failed = output.split('\n').filter(line => /^\s*not ok/.test(line))
      t.strictSame([code, failed], [0, []])
      t.ok((output.match(/^\s*ok /gm) ?? []).length > 5, 'it ran')
    })
  }
}

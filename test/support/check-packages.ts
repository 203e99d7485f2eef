// Builds every package and checks what npm would publish: exports, types and the files in the tarball.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { ROOT, workspaces } from './packages.ts'

const binary = (name: string): string => join(ROOT, 'node_modules/.bin', name)

execFileSync(binary('tsc'), ['-b', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' })

let mistakes = 0
for (const { folder, name, published } of workspaces()) {
  if (!published) continue
  const { messages, pkg } = await publint({ pkgDir: join(ROOT, folder), strict: true, pack: 'npm' })
  for (const message of messages) console.error(`${name}: ${formatMessage(message, pkg)}`)
  mistakes += messages.length
  try {
    execFileSync(binary('attw'), ['--pack', '.', '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'], {
      cwd: join(ROOT, folder),
      stdio: 'pipe'
    })
  } catch (error) {
    mistakes += 1
    console.error(`${name}: ${(error as { stdout: Buffer }).stdout.toString()}`)
  }
}
console.log(mistakes === 0 ? 'packages: every published package is well formed' : `packages: ${mistakes} mistakes`)
process.exitCode = mistakes === 0 ? 0 : 1

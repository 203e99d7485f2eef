// The errors table of each README is equal to the package's errors.ts, both ways.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, workspaces } from '../support/packages.ts'

interface Documented {
  readonly code: string
  readonly status: number
}

function codesInReadme(readme: string): Documented[] {
  const section = /^## Errors$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(readme)?.[1] ?? ''
  return [...section.matchAll(/^\| `(SALLYPORT_\w+)` \| (\d{3}) \|/gm)].map(([, code = '', status]) => ({
    code,
    status: Number(status)
  }))
}

async function codesInSource(file: string): Promise<Documented[]> {
  const exported = (await import(file)) as Record<string, unknown>
  const codes: Documented[] = []
  for (const value of Object.values(exported)) {
    if (typeof value !== 'function' || !(value.prototype instanceof Error)) continue
    const ErrorClass = value as new () => { code: string; statusCode: number }
    const { code, statusCode } = new ErrorClass()
    codes.push({ code, status: statusCode })
  }
  return codes
}

const byCode = (a: Documented, b: Documented): number => a.code.localeCompare(b.code)

for (const { folder, name } of workspaces()) {
  const file = join(ROOT, folder, 'src/errors.ts')
  if (!existsSync(file)) continue
  t.test(`the errors table of ${name} is equal to its errors.ts`, async t => {
    const documented = codesInReadme(readFileSync(join(ROOT, folder, 'README.md'), 'utf8'))
    const thrown = await codesInSource(file)
    t.not(thrown.length, 0)
    t.strictSame(documented.sort(byCode), thrown.sort(byCode))
  })
}

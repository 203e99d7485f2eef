import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OAUTH_ERROR_STATUSES, OAuthError, type OAuthErrorCode } from '../../../../auth-server/src/oauth-error.ts'
import { TreeProblemError } from '../../../../plugins/audit-log/src/checkpoint/tree-problem.ts'
import { ROOT, workspaces } from '../../../support/packages.ts'

/** A refusal of the project, which a test makes itself. */
export interface Refusal {
  readonly code: string
  readonly status: number
  readonly make: () => Error
}

const sourceFolders = workspaces()
  .map(({ folder }) => join(ROOT, folder, 'src'))
  .filter(folder => existsSync(folder))

/** The errors of every package, and those that are made elsewhere: one that is added is run by itself. */
export async function everyRefusal(): Promise<Refusal[]> {
  const files = sourceFolders.map(folder => join(folder, 'errors.ts')).filter(file => existsSync(file))
  const exported = (
    await Promise.all(files.map(async file => (await import(file)) as Record<string, unknown>))
  ).flatMap(each => Object.values(each))
  const classes = exported.filter(value => typeof value === 'function' && value.prototype instanceof Error)
  const makers = [
    ...classes.map(value => () => new (value as new () => CodedError)()),
    ...(Object.keys(OAUTH_ERROR_STATUSES) as OAuthErrorCode[]).map(error => () => new OAuthError(error, 'why', 'text')),
    () => new TreeProblemError('forked', 1)
  ]
  return makers.map(make => {
    const { code, statusCode = 500 }: CodedError = make()
    return { code, status: statusCode, make }
  })
}

type CodedError = Error & { readonly code: string; readonly statusCode?: number }

/** Codes that are written into sources other than `errors.ts`; of one that is put together, its beginning. */
export function codesOutsideErrors(): Set<string> {
  const found = new Set<string>()
  for (const folder of sourceFolders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name === 'errors.ts') continue
      const text = readFileSync(join(folder, name), 'utf8')
      const declared = /(?:\bcode\s*[:=]|\breturn|\bcreateError(?:<[^(]*>)?\()\s*['"`](SALLYPORT_[A-Z0-9_]+)/g
      for (const [, code = ''] of text.matchAll(declared)) found.add(code)
    }
  }
  return found
}

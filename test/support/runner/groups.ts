// Which test files share a process. Starting one, with its imports, costs more than most files need for their tests.

/** Test files that run in one process, or in `parts` processes of about the same number of files. */
export interface TestGroup {
  readonly name: string
  /** Files, or folders with all that is below them, from the root. */
  readonly paths: readonly string[]
  readonly parts?: number
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * In the order in which they start: what takes longest first. A file belongs to the first group that names it, else to
 * `rest`.
 */
export const GROUPS: readonly TestGroup[] = [
  // These wait more than they work: for leases, limits and answers that take their time.
  {
    name: 'slow-answers',
    paths: ['test/reference-gateway/open-answers.test.ts', 'test/reference-gateway/deadlines.test.ts']
  },
  { name: 'edge', paths: ['test/reference-gateway', 'test/security'] },
  { name: 'flows', paths: ['test/e2e'] },
  { name: 'packages', paths: ['test/packages', 'test/architecture'] },
  { name: 'docs', paths: ['test/docs'] },
  {
    name: 'processes',
    paths: [
      'test/auth-server/process.test.ts',
      'test/auth-server/process-failures.test.ts',
      'test/auth-server/process-tls.test.ts',
      'test/reference-services/service-kit/process.test.ts'
    ]
  },
  // Searches its own heap for secrets.
  { name: 'basic-heap', paths: ['test/plugins/authentication/basic/basic-heap.test.ts'] },
  { name: 'auth-server', paths: ['test/auth-server'], parts: 4 },
  { name: 'deploy', paths: ['test/deploy'] },
  { name: 'audit-log', paths: ['test/plugins/audit-log'] },
  { name: 'service-process', paths: ['test/plugins/service-process'] },
  { name: 'authentication', paths: ['test/plugins/authentication'] },
  { name: 'services', paths: ['test/reference-services'] },
  { name: 'plugins', paths: ['test/plugins'] }
]

/** Files that are run once more, under other conditions, by `npm test -- --again`. */
export const GROUPS_AGAIN: readonly TestGroup[] = [
  {
    name: 'auth-server-under-a-path',
    paths: [
      'token-endpoint',
      'grants',
      'refresh',
      'exchange',
      'signed-introspection',
      'authorization-code',
      'authorize',
      'pushed-requests',
      'dpop'
    ].map(name => `test/auth-server/${name}.test.ts`),
    environment: { SALLYPORT_TEST_PREFIX: '/tenants/one' }
  }
]

/** One process: its name and its files. */
export interface TestProcess {
  readonly name: string
  readonly files: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Distributes test files over processes, so that each file is in exactly one of them.
 * @param files paths from the root
 * @throws when a group names a path that no file is at
 */
export function processesFor(files: readonly string[], groups: readonly TestGroup[] = GROUPS): TestProcess[] {
  const left = new Set(files)
  const processes = groups.flatMap(group =>
    split(
      group,
      filesOf(group, files).filter(file => left.delete(file))
    )
  )
  return left.size === 0 ? processes : [...processes, { name: 'rest', files: [...left], environment: {} }]
}

/**
 * The processes that run files once more, under other conditions.
 * @param files paths from the root
 * @throws when a group names a path that no file is at
 */
export function processesAgain(files: readonly string[], groups: readonly TestGroup[] = GROUPS_AGAIN): TestProcess[] {
  return groups.flatMap(group => split(group, filesOf(group, files)))
}

function filesOf({ paths }: TestGroup, files: readonly string[]): string[] {
  for (const path of paths) if (!files.some(file => isAt(file, path))) throw new Error(`no test is at ${path}`)
  return files.filter(file => paths.some(path => isAt(file, path)))
}

function split({ name, parts = 1, environment = {} }: TestGroup, files: readonly string[]): TestProcess[] {
  return Array.from({ length: parts }, (_, part) => ({
    name: parts === 1 ? name : `${name}-${part + 1}`,
    files: files.filter((_file, index) => index % parts === part),
    environment
  }))
}

function isAt(file: string, path: string): boolean {
  return file === path || file.startsWith(`${path}/`)
}

// The direction check is only worth something when it can fail: each rule is shown a planted violation.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import t from 'tap'
import { ROOT } from '../support/packages.ts'

const FOLDERS = ['plugins', 'reference-gateway', 'reference-services', 'auth-server', 'deploy', 'test']

const copy = mkdtempSync(join(tmpdir(), 'sallyport-directions-'))
t.teardown(() => rmSync(copy, { recursive: true }))
for (const folder of FOLDERS) {
  cpSync(join(ROOT, folder), join(copy, folder), {
    recursive: true,
    filter: source => !/node_modules|\/dist|\.readme-/.test(source)
  })
}
for (const file of ['.dependency-cruiser.mjs', 'tsconfig.json', 'tsconfig.base.json', 'package.json']) {
  cpSync(join(ROOT, file), join(copy, file))
}
// The real modules, and in front of them the copied workspaces.
mkdirSync(join(copy, 'node_modules'))
cpSync(join(ROOT, 'node_modules/@sallyport'), join(copy, 'node_modules/@sallyport'), {
  recursive: true,
  verbatimSymlinks: true
})
for (const name of [
  'fastify',
  'fastify-plugin',
  '@fastify',
  'typescript',
  '@types',
  'knex',
  'undici',
  'tap',
  'pg',
  'typebox'
]) {
  symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name))
}

interface Violation {
  readonly rule: { readonly name: string }
  readonly from: string
}

function violations(): Violation[] {
  const args = [
    join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    ...FOLDERS
  ]
  let output: string
  try {
    output = execFileSync(process.execPath, args, {
      cwd: copy,
      encoding: 'utf8',
      maxBuffer: 1e9,
      stdio: ['ignore', 'pipe', 'ignore']
    })
  } catch (error) {
    output = (error as { stdout: string }).stdout
  }
  const { summary } = JSON.parse(output) as { summary: { violations: Violation[] } }
  return summary.violations.filter(({ rule }) => rule.name !== 'resolvable')
}

const PLANTED: ReadonlyArray<readonly [rule: string, file: string, code: string]> = [
  ['no-sibling-plugin', 'plugins/metrics/src/planted-sibling.ts', "import '@sallyport/health'\n"],
  // The one package that may open what every process has knows no other plugin.
  [
    'process-opens-what-every-process-has',
    'plugins/service-process/src/planted-sibling.ts',
    "import '@sallyport/authentication'\n"
  ],
  [
    'process-opens-what-every-process-has',
    'plugins/service-process/src/planted-token-client.ts',
    "import '@sallyport/token-exchange'\n"
  ],
  // And it is the only one: nobody else opens settings, transport or readiness.
  ['no-sibling-plugin', 'plugins/audit-log/src/planted-settings.ts', "import '@sallyport/configuration'\n"],
  ['no-sibling-plugin', 'plugins/audit-log/src/planted-process.ts', "import '@sallyport/service-process'\n"],
  ['only-tests-import-the-test-kit', 'auth-server/src/planted-kit.ts', "import '@sallyport/testing'\n"],
  ['only-tests-import-the-test-kit', 'deploy/local/src/planted-kit.ts', "import '@sallyport/testing'\n"],
  ['no-sibling-plugin', 'plugins/testing/src/planted-plugin.ts', "import '@sallyport/audit-log'\n"],
  ['contract-imports-nothing-of-ours', 'plugins/security-context/src/planted.ts', "import '@sallyport/health'\n"],
  ['plugins-know-no-app', 'plugins/health/src/planted.ts', "import '@sallyport/auth-server'\n"],
  ['apps-meet-over-the-network', 'reference-gateway/src/planted.ts', "import '@sallyport/auth-server'\n"],
  [
    'services-meet-over-the-network',
    'reference-services/order-service/src/planted.ts',
    "import '@sallyport/restaurant-service'\n"
  ],
  ['apps-do-not-know-their-deployment', 'auth-server/src/planted.ts', "import '@sallyport/local'\n"],
  ['packages-by-name-only', 'auth-server/src/planted-path.ts', "import '../../plugins/health/src/index.ts'\n"],
  // Each wing of the authorization server: one wing up, and the root, which puts the wings together.
  ['http-imports-downwards', 'auth-server/src/http/planted-root.ts', "import '../compose.ts'\n"],
  ['administration-imports-downwards', 'auth-server/src/administration/planted-up.ts', "import '../http/cookies.ts'\n"],
  [
    'administration-imports-downwards',
    'auth-server/src/administration/cli/planted-root.ts',
    "import '../../settings.ts'\n"
  ],
  [
    'protocol-imports-downwards',
    'auth-server/src/protocol/planted-up.ts',
    "import '../administration/user-administration.ts'\n"
  ],
  ['accounts-imports-downwards', 'auth-server/src/accounts/planted-up.ts', "import '../protocol/dpop-proofs.ts'\n"],
  // A type alone is an arrow too.
  [
    'accounts-imports-downwards',
    'auth-server/src/accounts/planted-type.ts',
    "import type {} from '../protocol/authorization-server.ts'\n"
  ],
  ['tokens-imports-downwards', 'auth-server/src/tokens/planted-up.ts', "import '../accounts/throttle-guesses.ts'\n"],
  ['store-imports-downwards', 'auth-server/src/store/planted-up.ts', "import '../tokens/secret-token.ts'\n"],
  ['store-imports-downwards', 'auth-server/src/store/memory/planted-top.ts', "import '../../http/cookies.ts'\n"],
  // In the place of a shared module.
  ['shared-by-wings-imports-no-wing', 'auth-server/src/uuid.ts', "import './store/confirmation.ts'\n"],
  ['every-source-is-in-a-wing', 'auth-server/src/annexe/planted.ts', "import '../seconds.ts'\n"],
  ['nobody-imports-tests', 'plugins/metrics/src/planted-test.ts', "import '../../../test/support/packages.ts'\n"],
  [
    'nobody-imports-own-tests',
    'reference-services/order-service/src/planted-test.ts',
    "import '../test/planted.test.ts'\n"
  ],
  [
    'nobody-imports-tests',
    'reference-services/order-service/test/planted.test.ts',
    "import '../../../test/support/packages.ts'\n"
  ],
  [
    'services-meet-over-the-network',
    'reference-services/order-service/test/planted-peer.test.ts',
    "import '@sallyport/delivery-service'\n"
  ],
  ['deployment-imports-no-tests', 'deploy/local/src/planted-test.ts', "import '../../../test/support/packages.ts'\n"],
  // Beside each other at every depth, and a helper that no folder `support` holds.
  ['no-helper-of-a-sibling', 'test/deploy/planted.ts', "import '../security/support/verifiers.ts'\n"],
  ['no-helper-of-a-sibling', 'test/plugins/metrics/planted.ts', "import '../audit-log/support/principal.ts'\n"],
  ['no-helper-of-a-sibling', 'test/plugins/authentication/basic/planted.ts', "import '../session/refresh.test.ts'\n"],
  ['no-helper-of-a-sibling', 'test/support/planted-down.ts', "import '../deploy/support/child.ts'\n"],
  ['helpers-are-in-support', 'test/security/planted.test.ts', "import './planted-helper.ts'\n"],
  ['no-cycles', 'plugins/configuration/src/planted-cycle.ts', "import './planted-cycle.ts'\n"]
]

t.test('the repository keeps its directions', async t => {
  t.strictSame(
    violations().map(({ rule, from }) => `${rule.name}: ${from}`),
    []
  )
})

t.test('a planted violation of each rule is found', async t => {
  writeFileSync(join(copy, 'test/security/planted-helper.ts'), 'export {}\n')
  for (const [, file, code] of PLANTED) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    writeFileSync(join(copy, file), code)
  }
  const found = new Set(violations().map(({ rule, from }) => `${rule.name}: ${from}`))
  for (const [rule, file] of PLANTED) t.ok(found.has(`${rule}: ${file}`), `${rule} found in ${file}`)
})

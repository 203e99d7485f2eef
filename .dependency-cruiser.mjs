// The directions of docs/architecture.md. A test plants a violation of each rule to prove that the check can fail.
const plugins = '^plugins/([^/]+)/'

// Tests in the folder of a service, where the generator puts them, and in the templates of the generator.
const OWN_TESTS = '^(reference-services|deploy/create-service/templates)/[^/]+/test/'

// The wings of auth-server/src, from the top down, and the modules that every wing may import.
const WINGS = ['http', 'administration', 'protocol', 'accounts', 'tokens', 'store']
const SHARED = '^auth-server/src/(seconds|errors|oauth-error|parse-form|uuid)\\.ts$'

/** A wing imports itself, the wings below it and what all of them share; never the root, which puts them together. */
const wingsImportDownwards = WINGS.map((wing, place) => ({
  name: `${wing}-imports-downwards`,
  severity: 'error',
  from: { path: `^auth-server/src/${wing}/` },
  to: { path: '^auth-server/src/', pathNot: [SHARED, `^auth-server/src/(${WINGS.slice(place).join('|')})/`] }
}))

/**
 * What tests share is in a folder `support`, the one that is nearest to all of them: a test imports nothing else of the
 * tests, and nothing of the folder beside its own. `depth` is how many folders below `test` both are in.
 */
const testsShareBySupport = [0, 1, 2].map(depth => {
  const above = Array.from({ length: depth }, (_, level) => `$${level + 1}/`).join('')
  return {
    name: 'no-helper-of-a-sibling',
    severity: 'error',
    from: { path: `^test/${'([^/]+)/'.repeat(depth + 1)}` },
    to: {
      path: `^test/${above}[^/]+/`,
      pathNot: [`^test/${above}$${depth + 1}/`, `^test/${above}support/`]
    }
  }
})

export default {
  forbidden: [
    {
      name: 'no-sibling-plugin',
      comment: 'A plugin imports security-context only; plugins meet through request slots and collaborators.',
      severity: 'error',
      from: { path: plugins, pathNot: ['^plugins/security-context/', '^plugins/service-process/'] },
      to: { path: '^plugins/', pathNot: ['^plugins/security-context/', '^plugins/$1/'] }
    },
    {
      name: 'process-opens-what-every-process-has',
      comment:
        'The one exception (ADR 14): service-process opens settings, transport and readiness, and knows no other plugin.',
      severity: 'error',
      from: { path: '^plugins/service-process/' },
      to: {
        path: '^plugins/',
        pathNot: '^plugins/(service-process|security-context|configuration|secure-transport|health)/'
      }
    },
    {
      name: 'only-tests-import-the-test-kit',
      comment:
        'The kit stands beside the plugins and imports the contract alone. The launcher has its development certificates from it (ADR 31), and gives tests of services an issuer.',
      severity: 'error',
      from: {
        pathNot: [
          '^test/',
          OWN_TESTS,
          '^plugins/testing/',
          '^deploy/local/src/((index|test-service)\\.ts$|certificates/)'
        ]
      },
      to: { path: '^plugins/testing/' }
    },
    {
      name: 'contract-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^plugins/security-context/' },
      to: {
        path: '^(plugins|reference-gateway|reference-services|auth-server|deploy|test)/',
        pathNot: '^plugins/security-context/'
      }
    },
    {
      name: 'plugins-know-no-app',
      severity: 'error',
      from: { path: '^plugins/' },
      to: { path: '^(reference-gateway|reference-services|auth-server|deploy|test)/' }
    },
    {
      name: 'apps-meet-over-the-network',
      severity: 'error',
      from: { path: '^(reference-gateway|auth-server|reference-services)/' },
      to: {
        path: '^(reference-gateway|auth-server|reference-services)/',
        pathNot: ['^$1/', '^reference-services/service-kit/']
      }
    },
    {
      name: 'services-meet-over-the-network',
      severity: 'error',
      from: { path: '^reference-services/([^/]+)/' },
      to: { path: '^reference-services/', pathNot: ['^reference-services/$1/', '^reference-services/service-kit/'] }
    },
    {
      name: 'apps-do-not-know-their-deployment',
      severity: 'error',
      from: { path: '^(reference-gateway|auth-server|reference-services)/', pathNot: OWN_TESTS },
      to: { path: '^(deploy|test)/' }
    },
    {
      name: 'packages-by-name-only',
      comment: 'Another package is imported by its name, never by a path into its src.',
      severity: 'error',
      from: { path: '^((?:plugins|reference-services|deploy)/[^/]+|reference-gateway|auth-server)/' },
      to: {
        path: '^(plugins|reference-services|deploy|reference-gateway|auth-server)/',
        pathNot: '^$1/',
        dependencyTypes: ['local']
      }
    },
    ...wingsImportDownwards,
    {
      name: 'shared-by-wings-imports-no-wing',
      severity: 'error',
      from: { path: SHARED },
      to: { path: '^auth-server/src/', pathNot: SHARED }
    },
    {
      name: 'every-source-is-in-a-wing',
      comment: 'A folder beside the wings would have no place in their order.',
      severity: 'error',
      from: { path: '^auth-server/src/[^/]+/', pathNot: `^auth-server/src/(${WINGS.join('|')})/` },
      to: {}
    },
    { name: 'nobody-imports-tests', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^test/' } },
    { name: 'nobody-imports-own-tests', severity: 'error', from: { pathNot: OWN_TESTS }, to: { path: OWN_TESTS } },
    { name: 'deployment-imports-no-tests', severity: 'error', from: { path: '^deploy/' }, to: { path: '^test/' } },
    ...testsShareBySupport,
    {
      name: 'helpers-are-in-support',
      severity: 'error',
      from: { path: '^test/.+\\.(test|drill|tst)\\.ts$' },
      to: { path: '^test/', pathNot: '/support/' }
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } }
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'dist'] },
    exclude: { path: ['/dist/', '\\.tap/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@sallyport/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json']
    }
  }
}

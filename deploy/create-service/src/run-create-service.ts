import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { copyTemplate } from './copy-template.ts'
import { GeneratorError } from './generator-error.ts'
import { appNames, serviceNames } from './template-names.ts'

/** Where the command runs. */
export interface GeneratorSurroundings {
  /** The working directory: the root of the repository, or for an app the folder that it is made in. */
  readonly directory: string
  readonly print: (text: string) => void
}

const GENERATOR_HELP = `Makes a service with one protected, audited and tested route.

  npm run create-service -- <name>-service       a service on the kit, in reference-services/<name>-service
  npm run create-service -- --standalone <name>  an app of its own for any issuer, in the folder <name>

  --standalone   authentication, authorization and audit log in a plain Fastify app, outside this repository too
  --help         this text

Nothing that exists is changed. From the folder that the app is to be in:

  node <this repository>/deploy/create-service/main.mjs --standalone <name>
`

const SERVICES_FOLDER = 'reference-services'
const FIRST_PORT = 8082

/** Runs the command; gives its exit code: 1 when it refuses, 2 when it is called wrongly. */
export function runCreateService(args: readonly string[], { directory, print }: GeneratorSurroundings): 0 | 1 | 2 {
  const call = parseCall(args)
  if (call === null || call.help) {
    print(GENERATOR_HELP)
    return call === null ? 2 : 0
  }
  try {
    print(call.standalone ? createApp(call.name, directory) : createService(call.name, directory))
    return 0
  } catch (error) {
    if (!(error instanceof GeneratorError)) throw error
    print(`create-service: ${error.message}`)
    return 1
  }
}

/** `null` for a call that is none. */
function parseCall(args: readonly string[]): { name: string; standalone: boolean; help: boolean } | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { standalone: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true
    })
    const { standalone = false, help = false } = values
    const [name = '', ...more] = positionals
    return help || (name !== '' && more.length === 0) ? { name, standalone, help } : null
  } catch {
    return null
  }
}

function createService(name: string, root: string): string {
  const names = serviceNames(name)
  const services = join(root, SERVICES_FOLDER)
  if (!existsSync(join(services, 'service-kit'))) {
    throw new GeneratorError(
      `there is no ${SERVICES_FOLDER}/service-kit in ${root}: run this in the root of the repository, or make an app of its ` +
        'own with --standalone'
    )
  }
  copyTemplate('service', join(services, name), [...names, ['8099', String(nextPort(services))]])
  return [
    `Made ${SERVICES_FOLDER}/${name}. What is left:`,
    '',
    '  npm install                        links the package',
    '  deploy/local/src/services.ts       its line, for the local stack:',
    `      import('@sallyport/${name}/descriptor')`,
    `  npm test -- ${SERVICES_FOLDER}/${name}/test/*.test.ts`,
    ''
  ].join('\n')
}

function createApp(name: string, directory: string): string {
  copyTemplate('app', join(directory, name), appNames(name))
  return `Made ${name}. Its README says how it is run.

  cd ${name} && npm install && npm test
`
}

/** The port after those of the services that are there. */
function nextPort(services: string): number {
  const ports = readdirSync(services).flatMap(name => {
    const descriptor = join(services, name, 'src/descriptor.ts')
    return existsSync(descriptor) ? [Number(/port: (\d+)/.exec(readFileSync(descriptor, 'utf8'))?.[1])] : []
  })
  return Math.max(FIRST_PORT - 1, ...ports.filter(Number.isInteger)) + 1
}

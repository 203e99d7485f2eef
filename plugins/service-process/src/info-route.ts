import type { LiveSettings } from '@sallyport/configuration'
import type { FastifyInstance } from 'fastify'
import type { BuildFacts } from './build-facts.ts'

/** What runs here, and with which settings and policies. */
export interface ProcessInfo extends BuildFacts {
  readonly process: string
  readonly configuration: {
    /** 1 at the start, one more with each change. */
    readonly version: number
    /** The same in all processes whose settings, secrets left out, are the same. */
    readonly digest: string
    /** How many changes were refused since the start. */
    readonly refused: number
  }
  /** Of who may call what; `null` in an app without policies. */
  readonly policy: { readonly version: string } | null
}

/** Answers `GET /info` for operators, beside health and metrics. It says versions, and no value of any setting. */
export function serveInfo(app: FastifyInstance, process: string, build: BuildFacts, live: LiveSettings<unknown>): void {
  if (!app.hasDecorator('operations')) return
  app.operations.get(
    '/info',
    { config: { access: 'public', audit: 'none' }, logLevel: 'warn' },
    async function info(_request, reply): Promise<ProcessInfo> {
      const { version, digest, refused } = live.state()
      void reply.header('cache-control', 'no-store')
      return { process, ...build, configuration: { version, digest, refused }, policy: policyOf(app) }
    }
  )
}

function policyOf(app: FastifyInstance): ProcessInfo['policy'] {
  if (!app.hasDecorator('policyVersion')) return null
  return { version: app.getDecorator<() => string>('policyVersion')() }
}

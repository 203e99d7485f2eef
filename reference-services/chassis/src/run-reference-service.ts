import { refuseInsecureRuntime } from '@sallyport/secure-transport'
import { closeTimeoutFor, runService } from '@sallyport/service-process'
import type { ServiceCollaborators } from './collaborators.ts'
import { connect } from './connect.ts'
import type { ServiceInstance } from './create-instance.ts'
import type { ServiceSettings } from './settings.ts'

/** A service as a process. */
export interface ReferenceService<Settings extends ServiceSettings> {
  readonly name: string
  /** Reads the settings; throws with every mistake. */
  readonly readSettings: () => Settings
  readonly buildApp: (settings: Settings, collaborators: ServiceCollaborators) => Promise<ServiceInstance>
  /** `process.env`, to be checked for what weakens the whole process. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly execArgv: readonly string[]
}

/**
 * Runs a service until it is told to stop: settings, collaborators, app, listen. Whatever is wrong is one clear
 * message on stderr and exit code 1.
 */
export async function runReferenceService<Settings extends ServiceSettings> (service: ReferenceService<Settings>): Promise<void> {
  const { name } = service
  const settings = settled(() => {
    refuseInsecureRuntime(service.environment, service.execArgv)
    return service.readSettings()
  })
  if ('error' in settings) {
    await runService({ name, host: '127.0.0.1', port: 0, build: async () => { throw settings.error } })
    return
  }
  const { host, port, drainDelayMs, upstreamTimeoutMs } = settings.value
  await runService({ name, host, port, drainDelayMs, closeTimeoutMs: closeTimeoutFor(upstreamTimeoutMs), build: () => build(service, settings.value) })
}

async function build<Settings extends ServiceSettings> ({ name, buildApp }: ReferenceService<Settings>, settings: Settings): Promise<ServiceInstance> {
  const collaborators = await connect(name, settings)
  try {
    return await buildApp(settings, collaborators)
  } catch (error) {
    await collaborators.close?.()
    throw error
  }
}

function settled<T> (read: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: read() }
  } catch (error) {
    return { error }
  }
}

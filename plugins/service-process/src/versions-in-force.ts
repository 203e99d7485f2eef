import type { LiveSettings, Settings } from '@sallyport/configuration'
import { oncePerValue } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import { settingsDigest } from './open-live-settings.ts'

/** Which policies and settings a process works by; what it does not have is left out. */
export interface VersionsInForce {
  readonly policy?: string
  readonly configuration?: string
}

/** What is asked of the settings of a process. */
type VersionedSettings = Pick<LiveSettings<unknown>, 'version' | 'state'>

/**
 * The versions for the rows of a command of a process: the settings that it has just read, as a process that started
 * now would say. No policy decides about a command.
 */
export function versionsOfCommand(settings: Settings<unknown>): VersionsInForce {
  return { configuration: `1:${settingsDigest(settings)}` }
}

/**
 * The versions for the rows of an audit trail, as operators see them at `/info`: of policies, with a slash and the
 * version of the table of routes where the process forwards by one; of settings, which version it is and its digest.
 * They are those of the moment of the call.
 * @param live left out: settings that never change, and have no version
 */
export function versionsInForce(app: FastifyInstance, live?: VersionedSettings): () => VersionsInForce {
  const configuration =
    live &&
    oncePerValue(
      () => live.version,
      version => `${version}:${live.state().digest}`
    )
  return () => {
    const versions = ['policyVersion', 'routesVersion'].flatMap(name =>
      app.hasDecorator(name) ? [app.getDecorator<() => string>(name)()] : []
    )
    return {
      ...(versions.length > 0 && { policy: versions.join('/') }),
      ...(configuration && { configuration: configuration() })
    }
  }
}

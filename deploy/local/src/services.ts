import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'
import { LauncherError } from './launcher-error.ts'

/** The services of the local stack. Everything about one follows from this line and from its package. */
const listed = await Promise.all([
  import('@sallyport/order-service/descriptor'),
  import('@sallyport/restaurant-service/descriptor'),
  import('@sallyport/delivery-service/descriptor'),
  import('@sallyport/configuration-server/descriptor')
])

/** What the packages of the services say about them. */
export const SERVICES: readonly ServiceDescriptor[] = withOwnPorts(listed.map(({ descriptor }) => descriptor))

/** The same services. @throws {LauncherError} when two of them listen on one port */
export function withOwnPorts(services: readonly ServiceDescriptor[]): readonly ServiceDescriptor[] {
  for (const [index, { name, port }] of services.entries()) {
    const other = services.slice(0, index).find(earlier => earlier.port === port)
    if (other !== undefined) throw new LauncherError(`${other.name} and ${name} both have port ${port}`)
  }
  return services
}

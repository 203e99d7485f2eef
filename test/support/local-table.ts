// The table of the local stack, from its file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RouteTableOptions } from '@sallyport/forwarding'
import { readGatewayDocument } from '@sallyport/forwarding/document'
import { ROOT } from './packages.ts'

/** The file of routes of the local stack. */
export const LOCAL_ROUTES = join(ROOT, 'deploy/local/gateway.yaml')

/** Where the processes of the local stack are. */
export interface LocalOrigins {
  readonly orders: string
  readonly restaurants: string
  readonly deliveries: string
  readonly authServer: string
}

/** Every variable that `deploy/local/gateway.yaml` refers to, with one origin for all. */
export function localReferences(origin: string): Record<string, string> {
  const names = [...readFileSync(LOCAL_ROUTES, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
  return Object.fromEntries(names.map(name => [name, origin]))
}

/** What `deploy/local/gateway.yaml` says with these origins. */
export function localTable({ orders, restaurants, deliveries, authServer }: LocalOrigins): RouteTableOptions {
  const environment = {
    ...localReferences(authServer),
    ORDER_SERVICE_ORIGIN: orders,
    RESTAURANT_SERVICE_ORIGIN: restaurants,
    DELIVERY_SERVICE_ORIGIN: deliveries,
    AUTH_SERVER_ORIGIN: authServer
  }
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const reading = readGatewayDocument(readFile(LOCAL_ROUTES), { environment, folder: ROOT, readFile })
  if (reading.table === null) throw new Error(reading.mistakes.map(({ message }) => message).join('\n'))
  return reading.table
}

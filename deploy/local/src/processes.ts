import { SERVICES } from './services.ts'

/** One process of the reference deployment. */
export interface ProcessEntry {
  readonly name: string
  readonly packageName: string
  /** Its OAuth client; the authorization server is nobody's client. */
  readonly clientId: string | null
  /** Main port, from the port base; the operations port is 100 above it. */
  readonly portOffset: number
  /** Further ports, from the port base. */
  readonly morePortOffsets: readonly number[]
  /** Names in its certificate beside `<name>.sallyport.internal`. */
  readonly names: readonly string[]
}

const [GATEWAY_PORT, GATEWAY_OFFSET, AUTH_SERVER_OFFSET] = [8080, 0, 1]

/** The processes, in the order in which they start: all others need the keys of the authorization server. */
export const PROCESSES: readonly ProcessEntry[] = [
  processEntry('auth-server', AUTH_SERVER_OFFSET, {
    clientId: null,
    morePortOffsets: [11],
    names: ['localhost', '127.0.0.1']
  }),
  ...SERVICES.map(({ name, port }) => processEntry(name, port - GATEWAY_PORT)),
  processEntry('reference-gateway', GATEWAY_OFFSET, { clientId: 'gateway', names: ['localhost', '127.0.0.1'] })
]

/** The process that others pull settings from. */
export const CONFIGURATION_SERVER = 'configuration-server'

const OPERATIONS_OFFSET = 100

/** The highest port in use, from the port base. */
export const HIGHEST_PORT_OFFSET = OPERATIONS_OFFSET + Math.max(...PROCESSES.map(({ portOffset }) => portOffset))

/** A process's main port. */
export function portOf(process: ProcessEntry, portBase: number): number {
  return portBase + process.portOffset
}

/** The port of a process's health and metrics. */
export function operationsPortOf(process: ProcessEntry, portBase: number): number {
  return portBase + process.portOffset + OPERATIONS_OFFSET
}

/** Every port that the deployment listens on. */
export function allPorts(portBase: number): number[] {
  return PROCESSES.flatMap(process => [
    portOf(process, portBase),
    operationsPortOf(process, portBase),
    ...process.morePortOffsets.map(offset => portBase + offset)
  ])
}

/** The same ports for a reader, from the port base: `N to N+4, N+11 and N+100 to N+104`. */
export function portRanges(): string {
  const offsets = allPorts(0).sort((a, b) => a - b)
  const starts = offsets.filter(offset => !offsets.includes(offset - 1))
  const ranges = starts.map(start => {
    let end = start
    while (offsets.includes(end + 1)) end++
    return start === end ? portName(start) : `${portName(start)} to ${portName(end)}`
  })
  return `${ranges.slice(0, -1).join(', ')} and ${ranges.at(-1)}`
}

const portName = (offset: number): string => (offset === 0 ? 'N' : `N+${offset}`)

/** The name under which peers reach a process and verify its certificate. */
export function hostNameOf(process: { readonly name: string }): string {
  return `${process.name}.sallyport.internal`
}

/** The database of a process. */
export function databaseNameOf(process: ProcessEntry): string {
  return `sallyport_${process.name.replaceAll('-', '_')}`
}

function processEntry(name: string, portOffset: number, more: Partial<ProcessEntry> = {}): ProcessEntry {
  return {
    name,
    packageName: `@sallyport/${name}`,
    clientId: name,
    portOffset,
    morePortOffsets: [],
    names: [],
    ...more
  }
}

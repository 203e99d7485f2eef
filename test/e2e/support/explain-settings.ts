import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(
  new URL('../../../reference-services/order-service/bin/sallyport-order-service.mjs', import.meta.url)
)
const SERVER_NAME = 'configuration-server.sallyport.internal'

/** One line of `settings explain`. */
export interface ExplainedLine {
  readonly setting: string
  readonly shown: string
  readonly origin: string
}

/** What `sallyport-order-service settings explain` says, with the settings of a running stack. */
export interface ExplainedStart {
  readonly code: number | null
  readonly settings: readonly ExplainedLine[]
  readonly error: string
}

/**
 * Loads the settings of order-service as its start does, beside the one that runs, and says where each value is from.
 * @param directory of the stack
 * @param port of the configuration server
 */
export async function explainOrderService(
  { directory, issuer, port }: { readonly directory: string; readonly issuer: string; readonly port: number },
  more: Readonly<Record<string, string>> = {}
): Promise<ExplainedStart> {
  const own = (name: string): string => join(directory, 'run', 'order-service', name)
  const certificate = (name: string): string => join(directory, 'certificates', name)
  const child = spawn(process.execPath, ['--conditions=@sallyport/source', PROGRAM, 'settings', 'explain', '--json'], {
    env: {
      PATH: process.env.PATH,
      LOG_LEVEL: 'silent',
      DATABASE_URL_FILE: own('database-url'),
      SALLYPORT_ISSUER: issuer,
      SALLYPORT_CLIENT_ID: 'order-service',
      SALLYPORT_CLIENT_SECRET_FILE: own('sallyport-client-secret'),
      SALLYPORT_TLS_CERTIFICATE_PATH: certificate('order-service.pem'),
      SALLYPORT_TLS_PRIVATE_KEY_PATH: certificate('order-service-key.pem'),
      SALLYPORT_TLS_CA_PATH: certificate('ca.pem'),
      SALLYPORT_PEER_ADDRESSES: `${SERVER_NAME}=127.0.0.1 localhost=127.0.0.1`,
      SALLYPORT_CONFIGURATION_URL: `https://${SERVER_NAME}:${port}`,
      SALLYPORT_CONFIGURATION_AUDIENCE: 'configuration-server',
      SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: own('settings-snapshot'),
      SALLYPORT_CONFIGURATION_SNAPSHOT_KEYS_FILE: own('sallyport-configuration-snapshot-keys'),
      ...more
    }
  })
  let [out, error] = ['', '']
  child.stdout.on('data', chunk => {
    out += String(chunk)
  })
  child.stderr.on('data', chunk => {
    error += String(chunk)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, error, settings: code === 0 ? (JSON.parse(out) as ExplainedLine[]) : [] }
}

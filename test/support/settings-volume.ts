// A directory of settings as Kubernetes mounts one, and a stand-in for a configuration server.
import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Puts all files of a mounted volume in place in one step: a link to a folder is replaced. */
export function swapVolume(folder: string, version: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(join(folder, `..${version}`))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, `..${version}`, name), content)
  symlinkSync(`..${version}`, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  return folder
}

/** A server that answers as Spring Cloud Config does, with a stream of changes. */
export interface ConfigurationServerStandIn {
  readonly url: string
  /** What it answers from now on; its stream tells of it. */
  readonly say: (source: Readonly<Record<string, unknown>>) => void
  /** What the last request proved itself with. */
  readonly lastAuthorization: () => string | undefined
  readonly close: () => Promise<void>
}

export async function startConfigurationServer(
  t: Test,
  application: string,
  first: Readonly<Record<string, unknown>>
): Promise<ConfigurationServerStandIn> {
  let said = first
  let version = 1
  let authorization: string | undefined
  const streams = new Set<ServerResponse>()
  const server = createServer(({ url, headers }, response) => {
    authorization = headers.authorization
    if (url === `/${application}/default/main/changes`) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: now\n\n')
      streams.add(response)
    } else if (url !== `/${application}/default/main`) response.writeHead(404).end()
    else if (headers['if-none-match'] === `"${version}"`) response.writeHead(304).end()
    else {
      const propertySources = [{ name: 'table', source: said }]
      const document = {
        name: application,
        profiles: ['default'],
        label: 'main',
        version: `${version}`,
        propertySources
      }
      response.writeHead(200, { etag: `"${version}"` }).end(JSON.stringify(document))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise(resolve => server.close(resolve))
  }
  t.teardown(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lastAuthorization: () => authorization,
    say: source => {
      said = source
      version++
      for (const stream of streams) stream.write(`data: ${version}\n\n`)
    },
    close
  }
}

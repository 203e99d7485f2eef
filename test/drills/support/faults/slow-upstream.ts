import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Drill } from '../types.ts'
import { underLoad } from '../under-load.ts'

const CALLERS = 10
/** One byte at a time: never a pause that is too long, and no end in time. */
const DRIP_MS = 50

/** A service behind the edge hangs, or drips its answers; callers of the others do not notice. */
export const slowUpstream: Drill = async surroundings =>
  await underLoad(surroundings, async ({ stack, slowService }, load) => {
    const drips = new Set<NodeJS.Timeout>()
    const server = createServer((request, response) => {
      request.resume()
      if (request.url === '/slow/drips') drips.add(drip(response))
    })
    server.listen(slowService.port, '127.0.0.1')
    await once(server, 'listening')
    const figures: Record<string, number> = {}
    const lost: string[] = []
    try {
      const from = load.answers.length
      for (const [path, limitMs] of [
        ['hangs', slowService.headMs],
        ['drips', slowService.totalMs]
      ] as const) {
        const startedAt = performance.now()
        const answers = await Promise.all(
          Array.from({ length: CALLERS }, async () => await outcomeOf(`${stack.gateway}/slow/${path}`))
        )
        const tookMs = performance.now() - startedAt
        for (const answer of answers) {
          figures[`${path}: ${answer}`] = (figures[`${path}: ${answer}`] ?? 0) + 1
        }
        if (tookMs > limitMs + 3000) lost.push(`callers of what ${path} waited ${Math.round(tookMs)} ms`)
        const good = path === 'hangs' ? ['504', '503'] : ['cut', '503']
        lost.push(...answers.filter(answer => !good.includes(answer)).map(answer => `what ${path} was ${answer}`))
        await delay(100)
      }
      const others = load.answers.slice(from)
      const failed = others.filter(({ status }) => status >= 500 || status === 0)
      figures['requests of others meanwhile'] = others.length
      if (failed.length > 0) lost.push(`${failed.length} requests of others failed: ${failed[0]?.text}`)
    } finally {
      for (const timer of drips) clearInterval(timer)
      server.closeAllConnections()
      server.close()
    }
    return { figures, lost }
  })

function drip(response: ServerResponse): NodeJS.Timeout {
  response.writeHead(200, { 'content-type': 'text/plain' })
  const timer = setInterval(() => response.write('.'), DRIP_MS)
  response.once('close', () => clearInterval(timer))
  return timer
}

/** The status, or that the answer was cut. */
async function outcomeOf(url: string): Promise<string> {
  try {
    const answer = await fetch(url)
    await answer.arrayBuffer()
    return String(answer.status)
  } catch {
    return 'cut'
  }
}

import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import { noteAuditQuery } from './asked-query.ts'
import { checkpointKeys } from './checkpoint/checkpoint-options.ts'
import type { CheckpointSigner } from './checkpoint/signed-note.ts'
import { AuditQueryInvalidError } from './errors.ts'
import { exportTrail } from './export-trail.ts'
import type { ReadAuditLogOptions } from './options.ts'
import { readHead } from './seal-pending.ts'
import { visibleJson } from './visible-text.ts'

/**
 * `GET <path>/export`: the trail as lines of JSON with all seals, signed by the keys of its checkpoints where it has
 * some, without rows that have personal values in clear. It ends with the seals of the moment; `after` goes on behind
 * the last complete line of one that was cut off.
 */
export function addExportRoute(
  fastify: FastifyInstance,
  options: ReadAuditLogOptions,
  seal: () => Promise<unknown>
): void {
  const { db, route, sealer, checkpoints } = options
  if (route === false || db === undefined) return
  const signers = checkpoints === false ? [] : checkpointKeys(checkpoints).signers

  fastify.get(
    `${route.path}/export`,
    { exposeHeadRoute: false, config: { access: route.access, audit: { action: 'audit.export' } } },
    async function exportAuditTrail(request, reply) {
      const after = readAfter(request.query)
      noteAuditQuery(request, { after })
      if (sealer !== false) await seal()
      const { sequence: through } = await readHead(db)
      // Nothing is behind the end of the trail, and a stream that has begun can say nothing any more.
      if (after > through) throw new AuditQueryInvalidError('after')
      return await reply
        .type('application/x-ndjson')
        .header('cache-control', 'no-store')
        .send(Readable.from(exportedLines(db, { after, through, signers })))
    }
  )
}

async function* exportedLines(
  db: Knex,
  asked: { readonly after: number; readonly through: number; readonly signers: readonly CheckpointSigner[] }
): AsyncGenerator<string> {
  for await (const line of exportTrail(db, { ...asked, concealsClear: true })) yield `${visibleJson(line)}\n`
}

function readAfter(query: unknown): number {
  const { after = '0', ...others } = Object.fromEntries(Object.entries(query ?? {}))
  const [other] = Object.keys(others)
  if (other !== undefined) throw new AuditQueryInvalidError(/^[A-Za-z_-]{1,40}$/.test(other) ? other : 'a name')
  if (typeof after !== 'string' || !/^\d{1,15}$/.test(after)) throw new AuditQueryInvalidError('after')
  return Number(after)
}

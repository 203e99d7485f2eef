// Text that means harm, in every field and on every way that a row can take.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  parseAuditQuery,
  readPersonal,
  readAudit,
  runAuditCommand,
  verifyChain,
  type AuditLogOptions
} from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import t from 'tap'
import { connect } from '../../support/database.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'
import { JOIN_KEYS, PRIVACY, ringText, WRAPPING_KEYS } from './support/privacy-keys.ts'
import { SPILL_KEY, spillFolder } from './support/spill-folder.ts'

/** More than an entry of an index can hold, and nothing makes it smaller. */
const WIDE = Array.from({ length: 2000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join('')

/** Each with what is stored of it. */
const HOSTILE: ReadonlyArray<readonly [text: string, stored: RegExp | string]> = [
  ['a\r\n{"sequence":1}\nb', 'a\r\n{"sequence":1}\nb'],
  ['nul\0nul', 'nul\\u0000nul'],
  ['lone\ud800 and \udfff', 'lone\ufffd and \ufffd'],
  ['\u202eevil\u2066\u200b\u{e0041}', '\u202eevil\u2066\u200b\u{e0041}'],
  ['\u001b[2J\u001b]0;owned\u0007\u009b31m', '\u001b[2J\u001b]0;owned\u0007\u009b31m'],
  ['y'.repeat(1_048_576), /^y{1024}…\[1048576 characters, sha256 [0-9a-f]{64}\]$/],
  [WIDE, /^\p{Lo}{341}…\[2000 characters, sha256 [0-9a-f]{64}\]$/u],
  ['"},{"action":"forged', '"},{"action":"forged'],
  ['{},"\\",NULL', '{},"\\",NULL'],
  ["'; drop table audit_events; --", "'; drop table audit_events; --"],
  ['__proto__', '__proto__']
]
/** What a terminal obeys, hides or reorders. */
const OBEYED = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/u

function eventOf(text: string): AuditEvent {
  return {
    action: text,
    outcome: 'denied',
    reason: text,
    subject: text,
    clientId: text,
    nameTried: text,
    person: `${text}.`,
    txn: text,
    resource: { type: text, id: text },
    detail: { [text]: text, list: [text, { [text]: [text] }], email: { [text]: text }, voucher: text }
  }
}

/** The lines that a command shows, without the ends of lines between them. */
async function shownBy(url: string, args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const shown: string[] = []
  const environment = {
    DATABASE_URL: url,
    SALLYPORT_AUDIT_PERSON_KEYS: ringText(WRAPPING_KEYS),
    SALLYPORT_AUDIT_NAME_KEY: ringText(JOIN_KEYS)
  }
  const out = (text: string) => shown.push(text)
  const code = await runAuditCommand({ args, environment, call: 'sallyport-audit', out, error: out })
  const text = shown.join('')
  return { code, lines: text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n') }
}

t.test('A7: hostile text in every field neither breaks nor forges a row, an export or a terminal', async t => {
  const { app: db, appUrl, prunerUrl } = await auditDatabase(t)
  const folder = spillFolder(t)
  const text = { now: '' }
  const options = {
    privacy: { ...PRIVACY, fields: { voucher: 'joinable' } },
    addresses: () => ({ source: text.now, peer: `${text.now}.`, userAgent: text.now }),
    versions: () => ({ policy: text.now, configuration: text.now })
  } as const satisfies Partial<AuditLogOptions>
  const audit = { action: 'thing.change' } as const
  const app = await buildApp(t, { db, ...options }, app => {
    app.post('/things', { config: { access: 'public', audit } }, async request => {
      await db.transaction(async trx => {
        await request.audit(trx, eventOf(text.now))
      })
      return {}
    })
  })
  const gone = connect(appUrl.replace(/:\d+\//, ':1/'))
  const outage = { changes: 'spill', folder, keys: [SPILL_KEY] } as const
  const away = await buildApp(t, { db: gone, ...options, outage, writeTimeoutMs: 200 }, () => {})
  for (const [hostile] of HOSTILE) {
    text.now = hostile
    await app.auditSink.write(eventOf(hostile))
    t.equal((await app.inject({ method: 'POST', url: '/things' })).statusCode, 200, 'in a transaction too')
    await away.auditSink.write(eventOf(hostile))
  }
  t.notMatch(readFileSync(join(folder, 'rows.spill'), 'latin1'), /evil|forged|yyyy/)
  await away.close()
  await gone.destroy()
  const back = await buildApp(t, { db, ...options, outage }, () => {})
  await back.close()
  await app.sealAudit()

  const { events } = await readAudit(db, { order: 'oldest', limit: 500 })
  t.equal(events.length, 3 * HOSTILE.length, 'no row is lost, and there is none more')
  t.match(await verifyChain(db), { ok: true, sealedRows: events.length })
  const opened = await readPersonal(db, events, PRIVACY)
  for (const [hostile, stored] of HOSTILE) {
    const own = opened.filter(row => (typeof stored === 'string' ? row.action === stored : stored.test(row.action)))
    t.equal(own.length, 3)
    for (const row of own) {
      t.doesNotThrow(() => parseAuditQuery({ subject: row.subject }), 'a row can be asked for by what it has')
      for (const value of [row.reason, row.clientId, row.resourceType, row.resourceId, row.personal?.nameTried]) {
        t.match(value, stored, JSON.stringify(hostile.slice(0, 20)))
      }
      t.ok(JSON.stringify(row.personal?.detail).length < 20_000)
      t.ok((row.sealed ?? '').length < 40_000, 'what is sealed is bounded too')
    }
    const [, inRequest] = own.toSorted(
      (one, other) => (one.policyVersion ?? '').length - (other.policyVersion ?? '').length
    )
    t.match([inRequest?.policyVersion, inRequest?.configurationVersion], [stored, stored])
  }

  const file = join(folder, 'export.ndjson')
  t.match(await shownBy(appUrl, ['export', '--file', file]), { code: 0 })
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  t.equal(lines.length, events.length + 2, 'a line for each row, whatever is in it')
  for (const line of lines) t.notMatch(line, OBEYED)
  t.match(await shownBy(appUrl, ['verify', '--export', file]), { code: 0 })
  for (const args of [
    ['search', '--all'],
    ['search', '--all', '--json'],
    ['search', '--all', '--personal'],
    ['search', '--all', '--personal', '--json'],
    ['verify']
  ]) {
    const { code, lines: shown } = await shownBy(appUrl, args)
    t.equal(code, 0)
    t.ok(args[0] === 'verify' || shown.length >= events.length, args.join(' '))
    t.same(
      shown.filter(line => OBEYED.test(line)),
      [],
      args.join(' ')
    )
    if (args.includes('--json')) t.equal(shown.map(line => JSON.parse(line) as unknown).length, shown.length)
  }
  const [, [nul = ''] = [], , [bidi = ''] = [], [escapes = ''] = []] = HOSTILE
  for (const subject of [bidi, escapes]) {
    const erased = await shownBy(prunerUrl, [
      'erase',
      subject,
      '--reason',
      subject,
      '--erasures',
      join(folder, 'list'),
      '--yes'
    ])
    t.equal(erased.code, 0)
    t.same(
      erased.lines.filter(line => OBEYED.test(line)),
      []
    )
    t.match(readFileSync(join(folder, 'list'), 'utf8').trimEnd().split('\n').at(-1), /^\{.*\}$/)
  }
  t.match(await shownBy(prunerUrl, ['erase', nul, '--reason', 'x', '--erasures', join(folder, 'list'), '--yes']), {
    code: 0
  })
  t.match(await verifyChain(db), { ok: true })
  t.notOk(
    (await readPersonal(db, events, PRIVACY)).some(row => row.subject === bidi && row.personal !== null && !row.erased)
  )
})

t.test('a gateway that is hostile commands no terminal, and a search that ends early says so', async t => {
  const evil = '\u001b[2J\u202e\u0007'
  const found = (sequence: number) => ({ trail: evil, sequence, occurredAt: evil, action: evil, process: evil })
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/audit/events/live') !== true) {
      response.end(JSON.stringify({ events: [found(1)], next: 'more', missing: [{ trail: evil, reason: evil }] }))
      return
    }
    for (const event of ['audit', 'missing', evil]) {
      response.write(`id: ${evil}\nevent: ${event}\ndata: ${JSON.stringify({ ...found(1), reason: evil })}\n\n`)
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const lines = { out: '', error: '' }
  const stopping = new AbortController()
  const command = async (...args: string[]) =>
    await runAuditCommand({
      args: [...args, '--gateway', gateway],
      environment: { SALLYPORT_AUDIT_AUTHORIZATION: 'Bearer x' },
      call: 'sallyport-audit',
      out: text => (lines.out += text),
      error: text => {
        lines.error += text
        if (lines.error.split('\n').length > 4) stopping.abort()
      },
      signal: stopping.signal
    })
  t.equal(await command('search', '--limit', '1'), 1)
  t.match(lines.error, /there are more rows: --limit or --all/)
  t.equal(await command('tail'), 0)
  for (const line of [...lines.out.split('\n'), ...lines.error.split('\n')]) t.notMatch(line, OBEYED)
})

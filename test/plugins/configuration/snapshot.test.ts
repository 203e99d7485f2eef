// What was pulled last, kept encrypted for a start without the configuration server.
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSettingsSnapshot, writeSettingsSnapshot, type SnapshotFile } from '@sallyport/configuration'
import t from 'tap'

const key = { id: '2026', key: randomBytes(32) }
const name = { application: 'gateway', profile: 'production', label: 'main' }
const document = { version: '7', values: { perMinute: 3, greeting: 'canary-value' } }

t.test('a snapshot comes back, is readable by its owner alone, and shows nothing', t => {
  const file: SnapshotFile = { path: join(t.testdir({}), 'snapshot'), keys: [key], name }
  t.equal(readSettingsSnapshot(file), null, 'before the first one')
  writeSettingsSnapshot(file, document)
  t.strictSame(readSettingsSnapshot(file), document)
  t.notMatch(readFileSync(file.path, 'utf8'), /canary|perMinute/)
  t.equal(statSync(file.path).mode & 0o777, 0o600)
  const newer = { id: '2027', key: randomBytes(32) }
  t.strictSame(readSettingsSnapshot({ ...file, keys: [newer, key] }), document, 'an older key of the ring still reads')
  t.end()
})

t.test('a file of another key, application, profile or label is refused', t => {
  const file: SnapshotFile = { path: join(t.testdir({}), 'snapshot'), keys: [key], name }
  writeSettingsSnapshot(file, document)
  const others: Array<Partial<SnapshotFile>> = [
    { keys: [{ id: '2026', key: randomBytes(32) }] },
    { keys: [{ id: 'other', key: key.key }] },
    { keys: [] },
    { name: { ...name, application: 'orders' } },
    { name: { ...name, profile: 'test' } },
    { name: { ...name, label: 'next' } }
  ]
  for (const other of others) {
    t.throws(() => readSettingsSnapshot({ ...file, ...other }), { code: 'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID' })
  }
  t.throws(() => writeSettingsSnapshot({ ...file, keys: [] }, document), {
    code: 'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID'
  })
  t.end()
})

t.test('a file that was cut anywhere or changed in any part is refused', t => {
  const file: SnapshotFile = { path: join(t.testdir({}), 'snapshot'), keys: [key], name }
  writeSettingsSnapshot(file, document)
  const text = readFileSync(file.path, 'utf8')
  const { keyId, nonce, sealed } = JSON.parse(text)
  const flipped = Buffer.from(sealed, 'base64url')
  flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3)
  const changed = [
    '',
    ...[1, 10, 60, text.length - 1].map(length => text.slice(0, length)),
    JSON.stringify({ keyId, nonce, sealed: flipped.toString('base64url') }),
    JSON.stringify({ keyId, nonce: randomBytes(12).toString('base64url'), sealed }),
    JSON.stringify({ keyId, nonce: '', sealed }),
    JSON.stringify({ keyId, nonce, sealed: '' }),
    JSON.stringify({ keyId, nonce, sealed: sealed.slice(0, -4) })
  ]
  for (const content of changed) {
    writeFileSync(file.path, content)
    t.throws(
      () => readSettingsSnapshot(file),
      { code: 'SALLYPORT_CONFIGURATION_SNAPSHOT_INVALID' },
      content.slice(0, 20)
    )
  }
  t.end()
})

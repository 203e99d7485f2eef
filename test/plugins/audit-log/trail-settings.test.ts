// The settings of a process that switch on what keeps its trail.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  auditTrailMistakes,
  auditTrailOptions,
  auditTrailSettings,
  type AuditTrailSettings
} from '@sallyport/audit-log'
import { loadSettings, settingsReference } from '@sallyport/configuration'
import t from 'tap'
import Type from 'typebox'
import { makeAuthority } from '../../support/certificates.ts'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'

const schema = Type.Object(auditTrailSettings())
const ring = (...ids: string[]): string => ids.map(id => `${id}:${randomBytes(32).toString('base64url')}`).join(' ')
const mistakesOf = (settings: Partial<AuditTrailSettings>): string =>
  auditTrailMistakes({ ...AUDIT_TRAIL_SETTINGS, ...settings }).join('\n')

t.test('by default rows are refused during an outage, and nothing is signed', async t => {
  const { values } = loadSettings({ schema, environment: {} })
  t.same(values, AUDIT_TRAIL_SETTINGS)
  t.same(auditTrailOptions(values, 'order-service'), {
    outage: {},
    checkpoints: false,
    privacy: { keys: [], joinKeys: [], dayKeysKeptMs: 7_776_000_000 },
    push: false,
    pruning: false
  })
})

t.test('everything can be switched on from the environment', async t => {
  const { values } = loadSettings({
    schema,
    environment: {
      SALLYPORT_AUDIT_OUTAGE_CHANGES: 'spill',
      SALLYPORT_AUDIT_OUTAGE_READS: 'drop',
      SALLYPORT_AUDIT_SPILL_PATH: '/var/lib/orders/audit',
      SALLYPORT_AUDIT_SPILL_KEYS: ring('new', 'old'),
      SALLYPORT_AUDIT_CHECKPOINT_KEYS: ring('seed-2', 'seed-1'),
      SALLYPORT_AUDIT_NAME_KEY: ring('name-2', 'name-1'),
      SALLYPORT_AUDIT_PERSON_KEYS: ring('person-1'),
      SALLYPORT_AUDIT_DAY_KEYS_KEPT_DAYS: '7',
      SALLYPORT_AUDIT_ANCHOR_PATH: '/mnt/elsewhere/orders',
      SALLYPORT_AUDIT_ANCHOR_URL: 'https://anchor.example.com/orders',
      SALLYPORT_AUDIT_ANCHOR_TOKEN: 'a-token-of-the-anchor',
      SALLYPORT_AUDIT_VERIFIER_INTERVAL_MS: '500',
      SALLYPORT_AUDIT_VERIFIER_ROWS: '50',
      SALLYPORT_AUDIT_VERIFIER_PLACE_PATH: '/var/lib/orders/verified',
      SALLYPORT_AUDIT_VERIFIER_READINESS: 'true'
    }
  })
  const { outage, checkpoints, privacy } = auditTrailOptions(values, 'order-service')
  t.match(privacy, {
    keys: [{ id: 'person-1' }],
    joinKeys: [{ id: 'name-2' }, { id: 'name-1' }],
    dayKeysKeptMs: 7 * 86_400_000
  })
  t.match(outage, { changes: 'spill', refusals: 'refuse', reads: 'drop', folder: '/var/lib/orders/audit' })
  t.same(
    outage.keys?.map(({ id }) => id),
    ['new', 'old']
  )
  t.match(checkpoints, {
    origin: 'order-service',
    intervalMs: 60_000,
    verifier: { intervalMs: 500, rows: 50, placeFile: '/var/lib/orders/verified', readiness: true }
  })
  t.same(checkpoints !== false && checkpoints.keys.map(({ byteLength }) => byteLength), [32, 32])
  t.same(checkpoints !== false && checkpoints.anchors?.map(({ name }) => name), [
    'file /mnt/elsewhere/orders',
    'https://anchor.example.com'
  ])
})

t.test('the trail is pushed to a collector or by syslog, as the address says', async t => {
  const { certificate } = await makeAuthority()
  const auditPushCaPath = join(t.testdir({ 'ca.pem': certificate }), 'ca.pem')
  const settings = { ...AUDIT_TRAIL_SETTINGS, auditPushCaPath, auditPushHeaders: 'authorization=Bearer%20x' }
  const collector = { ...settings, auditPushUrl: 'https://siem.example.com/v1/logs', auditPushReadiness: true }
  t.match(auditTrailOptions(collector, 'orders').push, {
    receiver: { name: 'OTLP https://siem.example.com' },
    ...{ intervalMs: 1000, batchRows: 200, timeoutMs: 10_000, readiness: true }
  })
  const syslog = { ...AUDIT_TRAIL_SETTINGS, auditPushUrl: 'syslog+tls://siem.example.com', auditPushEnterpriseId: '9' }
  t.match(auditTrailOptions(syslog, 'orders').push, { receiver: { name: 'syslog siem.example.com:6514' } })
})

t.test('old rows are removed by the role of the pruner, each class after its own time', async t => {
  const { values } = loadSettings({
    schema,
    environment: {
      SALLYPORT_AUDIT_PRUNER_DATABASE_URL: 'postgres://pruner@localhost/orders',
      SALLYPORT_AUDIT_KEEP_DAYS: '365',
      SALLYPORT_AUDIT_KEEP_CLASSES: 'session.*, token.*=730d; *.read=90d'
    }
  })
  t.same(auditTrailOptions(values, 'orders').pruning, {
    databaseUrl: 'postgres://pruner@localhost/orders',
    keepDays: 365,
    classes: [
      { actions: ['session.*', 'token.*'], keepDays: 730 },
      { actions: ['*.read'], keepDays: 90 }
    ],
    intervalMs: 3_600_000
  })
  t.throws(() => loadSettings({ schema, environment: { SALLYPORT_AUDIT_KEEP_DAYS: '29' } }))
})

t.test('no step of the verifier leaves the trail signed and unverified', async t => {
  const settings = { ...AUDIT_TRAIL_SETTINGS, auditCheckpointKeys: ring('k'), auditVerifierIntervalMs: 0 }
  t.match(auditTrailOptions(settings, 'order-service').checkpoints, { verifier: false, anchors: [] })
})

for (const [what, settings, mistake] of [
  ['spill without a folder', { auditOutageReads: 'spill' }, /auditSpillPath: spill and drop need a folder/],
  ['a folder without keys', { auditSpillPath: '/x' }, /auditSpillKeys: what is kept is sealed/],
  ['a key twice', { auditSpillPath: '/x', auditSpillKeys: `${ring('a')} ${ring('a')}` }, /auditSpillKeys: key 2 has/],
  ['a wrong ring of persons', { auditPersonKeys: 'x' }, /auditPersonKeys: key 1 is not id:base64url/],
  ["a name key that is random keys' own", { auditNameKey: ring('process') }, /auditNameKey: not id:base64url/],
  ['a key of one byte', { auditCheckpointKeys: `k:${'A'.repeat(43)}` }, /auditCheckpointKeys: key 1 is not random/],
  ['an anchor without a key', { auditAnchorPath: '/x' }, /auditAnchorPath: needs auditCheckpointKeys/],
  [
    'a token without an anchor',
    { auditAnchorToken: 'a-token-of-the-anchor' },
    /auditAnchorToken: needs auditAnchorUrl/
  ],
  ['authorities without an anchor', { auditAnchorCaPath: '/ca.pem' }, /auditAnchorCaPath: needs auditAnchorUrl/],
  ['a former key that is none', { auditFormerCheckpointKeys: ['x'] }, /auditFormerCheckpointKeys: 1 are no text/],
  ['a push to nobody knows what', { auditPushUrl: 'syslog+udp://siem:514' }, /auditPushUrl: is no syslog\+tls: URL/],
  ['a push in plain text', { auditPushUrl: 'http://siem.example.com/v1/logs' }, /auditPushUrl: is neither https nor/],
  ['credentials in an address', { auditPushUrl: 'https://u:secret@siem/v1' }, /auditPushUrl: carries credentials$/],
  ['the same of syslog', { auditPushUrl: 'syslog+tls://u:secret@siem' }, /auditPushUrl: carries credentials$/],
  ['headers of syslog', { auditPushUrl: 'syslog+tls://siem', auditPushHeaders: 'a=b' }, /auditPushHeaders: syslog has/],
  [
    'headers that are none',
    { auditPushUrl: 'https://siem/v1', auditPushHeaders: 'canary' },
    /is no list of name=value/
  ],
  [
    'a header that cannot be sent',
    { auditPushUrl: 'https://siem/v1', auditPushHeaders: 'x-key=a%0d%0ab' },
    /auditPushHeaders: the header "x-key" cannot be sent$/
  ],
  [
    'authorities that are not there',
    { auditPushUrl: 'https://siem/v1', auditPushCaPath: '/no.pem' },
    /no.pem cannot be/
  ],
  [
    'a certificate without its key',
    { auditPushUrl: 'https://siem/v1', auditPushCertificatePath: '/no.pem' },
    /auditPushCertificatePath: needs auditPushPrivateKeyPath/
  ],
  [
    'a pruner without a retention',
    { auditPrunerDatabaseUrl: 'postgres://p@localhost/x' },
    /auditKeepDays: missing, and nobody else says/
  ],
  [
    'a pruner in plain text',
    { auditPrunerDatabaseUrl: 'postgres://p:secret@db.example.com/x', auditKeepDays: 90 },
    /auditPrunerDatabaseUrl: reaches another host without verified TLS: give sslmode=verify-full$/
  ],
  [
    'a pruner whose host is a parameter',
    { auditPrunerDatabaseUrl: 'postgres://p@localhost/x?host=db.example.com', auditKeepDays: 90 },
    /auditPrunerDatabaseUrl: reaches another host/
  ],
  ['a retention without a pruner', { auditKeepDays: 90 }, /auditKeepDays: needs auditPrunerDatabaseUrl/],
  ['classes without a retention', { auditKeepClasses: '*.read=90d' }, /auditKeepClasses: needs auditKeepDays/],
  ['a class that is kept too short', { auditKeepClasses: '*.read=29d' }, /auditKeepClasses: is not <action>/],
  ['a class that is none', { auditKeepClasses: '*.read' }, /auditKeepClasses: is not <action>/],
  ['headers of no push', { auditPushHeaders: 'a=b' }, /auditPushHeaders: needs auditPushUrl/],
  ['readiness of no push', { auditPushReadiness: true }, /auditPushReadiness: nothing is pushed/],
  [
    'readiness without a verifier',
    { auditVerifierReadiness: true, auditVerifierIntervalMs: 0 },
    /auditVerifierReadiness: nothing is verified/
  ]
] satisfies [string, Partial<AuditTrailSettings>, RegExp][]) {
  t.test(`${what} is a mistake, and fails the boot`, async t => {
    t.match(mistakesOf(settings), mistake)
    t.throws(() => auditTrailOptions({ ...AUDIT_TRAIL_SETTINGS, ...settings }, 'orders'), {
      code: 'SALLYPORT_AUDIT_OPTIONS_INVALID',
      message: mistake
    })
  })
}

t.test(
  'in production a process without keys for what rows say of persons is refused, by the name of the setting',
  t => {
    const refused = auditTrailMistakes({ ...AUDIT_TRAIL_SETTINGS, nodeEnv: 'production' })
    t.match(refused, [/^auditPersonKeys: missing/])
    t.throws(() => auditTrailOptions({ ...AUDIT_TRAIL_SETTINGS, nodeEnv: 'production' }, 'orders'), {
      code: 'SALLYPORT_AUDIT_OPTIONS_INVALID',
      message: /auditPersonKeys/
    })
    const kept = { ...AUDIT_TRAIL_SETTINGS, auditPersonKeys: ring('person-1') }
    t.same(auditTrailMistakes({ ...kept, nodeEnv: 'production' }), [])
    t.same(auditTrailMistakes({ ...AUDIT_TRAIL_SETTINGS, nodeEnv: 'development' }), [])
    t.end()
  }
)

t.test('none of them is pulled from a configuration server', async t => {
  const marks = Object.values(auditTrailSettings()).filter(setting => 'pulled' in setting || 'live' in setting)
  t.same(marks, [])
  t.equal(settingsReference(schema).length, Object.keys(auditTrailSettings()).length)
})

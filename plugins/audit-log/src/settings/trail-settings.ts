import { Type, type Static } from '@sallyport/security-context/options'
import { LEAST_KEPT_DAYS } from '../pruning/pruning-options.ts'

const failureModeSetting = (what: string) =>
  Type.String({
    default: 'refuse',
    pattern: '^(refuse|spill|drop)$',
    description: `What an outage of the database does to ${what}: \`refuse\` (503), \`spill\` (kept on disk), \`drop\` (counted).`
  })
const keyRingSetting = (description: string) =>
  Type.Optional(Type.String({ secret: true, minLength: 45, demoPrefix: 'demo-', description }))
const filePathSetting = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
const countSetting = (minimum: number, value: number, description: string) =>
  Type.Integer({ minimum, default: value, description })

/**
 * What a process can be told about its trail from outside, to be spread into the schema of its settings. All of them
 * are pushed: who may change the settings of a running process must not be able to switch off its trail.
 */
export function auditTrailSettings() {
  return {
    auditOutageChanges: failureModeSetting('the audit rows of effects outside a transaction'),
    auditOutageRefusals: failureModeSetting('the audit rows of refusals and failures of a known caller'),
    auditOutageReads: failureModeSetting('the audit rows of declared reads'),
    auditSpillPath: filePathSetting(
      'Folder for audit rows during an outage, of this process alone, on a disk that outlives it. `spill` and `drop` ' +
        'need it.'
    ),
    auditSpillKeys: keyRingSetting(
      'Key ring that seals what is in that folder, newest first: `id:base64url` of 32 bytes each, separated by spaces.'
    ),
    auditSpillMaxBytes: countSetting(
      4096,
      67_108_864,
      'How large the file of kept audit rows may become; beyond that the answer is 503.'
    ),
    auditNameKey: keyRingSetting(
      'Key ring for hashes of names and addresses by which the audit trail is searched, newest first: `id:base64url` ' +
        'of 32 bytes each, separated by spaces. One ring for all processes lets their trails be joined. Left out: a ' +
        'random key of the process, and no such search.'
    ),
    auditPersonKeys: keyRingSetting(
      'Key ring that wraps the keys under which the audit trail seals personal values, newest first: `id:base64url` of ' +
        '32 bytes each, separated by spaces. Left out, which is refused when `NODE_ENV` is `production`: whoever reads ' +
        'the database reads them.'
    ),
    auditDayKeysKeptDays: countSetting(
      0,
      90,
      'How many days personal values of audit rows without a subject stay readable.'
    ),
    auditCheckpointKeys: keyRingSetting(
      'Seeds that sign the audit trail, `id:base64url` of 32 bytes each, separated by spaces; during a rotation both ' +
        'the new and the old one. Left out: no checkpoints, and no verification.'
    ),
    auditCheckpointOrigin: Type.Optional(
      Type.String({
        pattern: '^[^\\s+]{1,256}$',
        description: 'Name of the trail in its checkpoints, such as `orders.example.com/audit`. Left out: the process.'
      })
    ),
    auditFormerCheckpointKeys: Type.Array(Type.String(), {
      separator: ' ',
      default: [],
      description: 'Public keys that signed earlier checkpoints, as `verifierText` writes them.'
    }),
    auditCheckpointIntervalMs: countSetting(
      100,
      60_000,
      'How often a checkpoint is made where rows were added, in ms.'
    ),
    auditAnchorPath: filePathSetting(
      'File outside the database that keeps every checkpoint, best where its owner cannot write.'
    ),
    auditAnchorUrl: Type.Optional(
      Type.String({ format: 'secure-url', description: 'Where checkpoints are posted and the last one is read.' })
    ),
    auditAnchorToken: Type.Optional(
      Type.String({ secret: true, minLength: 16, description: 'Bearer token for that address.' })
    ),
    auditAnchorCaPath: filePathSetting(
      'Authorities that vouch for that address (PEM file). Left out: those that Node trusts.'
    ),
    auditVerifierIntervalMs: countSetting(
      0,
      2000,
      'Pause between two steps of the verification of the trail, in ms; 0: it is not verified here.'
    ),
    auditVerifierRows: countSetting(1, 2000, 'Rows of one step of the verification.'),
    auditVerifierPlacePath: filePathSetting(
      'File that remembers how far the verification is, signed. Left out: it begins anew with the process.'
    ),
    auditVerifierReadiness: Type.Boolean({
      default: false,
      description: 'Whether a trail that does not verify makes the process not ready.'
    }),
    ...pushSettings(),
    ...pruningSettings()
  }
}

/** Where sealed rows are pushed to. */
function pushSettings() {
  return {
    auditPushUrl: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Where sealed rows are pushed to, such as a SIEM: `syslog+tls://host:port` (RFC 5424 over TLS), or the whole ' +
          'address of a collector that takes OTLP logs, `https://host/v1/logs`.'
      })
    ),
    auditPushHeaders: Type.Optional(
      Type.String({
        secret: true,
        minLength: 1,
        description: 'Fields of each request to a collector, `name=value,name=value`, values percent-encoded.'
      })
    ),
    auditPushCaPath: filePathSetting(
      'Authorities that vouch for the receiver (PEM file). Left out: those that Node trusts.'
    ),
    auditPushCertificatePath: filePathSetting('Certificate that is shown to the receiver (PEM file).'),
    auditPushPrivateKeyPath: filePathSetting('Private key of that certificate (PEM file).'),
    auditPushEnterpriseId: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,10}$',
        description:
          'Your private enterprise number, in the structured data of syslog. Left out: `32473`, the one of examples.'
      })
    ),
    auditPushIntervalMs: countSetting(100, 1000, 'How often it is looked for rows to push, in ms.'),
    auditPushBatchRows: Type.Integer({
      minimum: 1,
      maximum: 2000,
      default: 200,
      description: 'Most rows that are pushed together.'
    }),
    auditPushTimeoutMs: Type.Integer({
      minimum: 100,
      maximum: 600_000,
      default: 10_000,
      description: 'How long the receiver may take for them, in ms.'
    }),
    auditPushReadiness: Type.Boolean({
      default: false,
      description: 'Whether a push that falls behind by a minute makes the process not ready.'
    })
  }
}

/** How old rows are removed. */
function pruningSettings() {
  return {
    auditPrunerDatabaseUrl: Type.Optional(
      Type.String({
        secret: true,
        minLength: 1,
        description:
          'The database as the role that may delete audit rows. With it this process removes old ones; left out: ' +
          'another job does, such as `sallyport-audit prune`.'
      })
    ),
    auditKeepDays: Type.Optional(
      Type.Integer({
        minimum: LEAST_KEPT_DAYS,
        maximum: 36_500,
        description: 'How many days audit rows are kept that are in no class.'
      })
    ),
    auditKeepClasses: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Audit rows that are kept for another time, by their actions: `session.*,token.*=730d;*.read=90d`; the first ' +
          'class that has one decides.'
      })
    ),
    auditPruneIntervalMs: Type.Integer({
      minimum: 1000,
      maximum: 86_400_000,
      default: 3_600_000,
      description: 'How often old audit rows are looked for, in ms.'
    })
  }
}

type TrailProperties = ReturnType<typeof auditTrailSettings>
type TrailValues = Static<ReturnType<typeof Type.Object<TrailProperties>>>

/** The settings of a trail as values. */
export type AuditTrailSettings = {
  readonly [Name in keyof TrailValues]: TrailValues[Name] extends string[] ? readonly string[] : TrailValues[Name]
}

/** The settings of a trail, and what its process says that concerns it. */
export type ProcessTrailSettings = AuditTrailSettings & {
  /** Only `production` matters: there the keys of persons are wrapped, or the process does not start. */
  readonly nodeEnv?: string | undefined
  /** Whose subjects are the process's own. */
  readonly issuer?: string | undefined
}

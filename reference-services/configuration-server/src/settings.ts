import type { DeepReadonly } from '@sallyport/configuration'
import { readKeyRing } from '@sallyport/security-context/mechanics'
import { serviceSettings, serviceSettingsMistakes } from '@sallyport/service-kit'
import { descriptorPorts } from '@sallyport/service-kit/descriptor'
import Type, { type Static } from 'typebox'
import { descriptor } from './descriptor.ts'

/** The settings of configuration-server: those of every service, its key ring, and its streams of changes. */
export const settingsSchema = Type.Object(
  {
    ...serviceSettings(descriptorPorts(descriptor)),
    sealingKeys: Type.String({
      secret: true,
      live: true,
      minLength: 32,
      demoPrefix: 'demo-',
      description:
        'Key ring that encrypts secrets at rest, newest first: `id:base64url of 32 bytes`, separated by spaces.'
    }),
    changePollMs: Type.Integer({
      minimum: 100,
      maximum: 60_000,
      default: 1000,
      description: 'How often the changes of other processes are asked for while there are streams.'
    }),
    heartbeatMs: Type.Integer({
      minimum: 1000,
      maximum: 60_000,
      default: 15_000,
      description: 'Time between two comments that keep a stream of changes open.'
    }),
    maxStreams: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1000,
      description: 'Streams of changes at a time.'
    }),
    maxStreamsPerCaller: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 50,
      description: 'Streams of changes at a time for one caller: one for each instance of an application.'
    }),
    longestStreamMs: Type.Integer({
      minimum: 1000,
      maximum: 86_400_000,
      default: 600_000,
      description:
        'After which a stream of changes ends, if its token has not expired before: how soon a revocation is seen.'
    })
  },
  { additionalProperties: false }
)

const { issuer, clientId, clientSecret } = settingsSchema.properties

/** The settings of its commands: those of the server, of which they need the database and the key ring alone. */
export const commandSettingsSchema = Type.Object(
  {
    ...settingsSchema.properties,
    issuer: Type.Optional(issuer),
    clientId: Type.Optional(clientId),
    clientSecret: Type.Optional(clientSecret)
  },
  { additionalProperties: false }
)

/** The settings as values. */
export type ConfigurationServerSettings = DeepReadonly<Static<typeof settingsSchema>>

/** What the schema cannot say: the mistakes of the key ring. */
export function keyRingSettingMistakes({ sealingKeys }: Pick<ConfigurationServerSettings, 'sealingKeys'>): string[] {
  return readKeyRing(sealingKeys, 'sealing key').mistakes.map(mistake => `sealingKeys: ${mistake}`)
}

/** Every mistake that the schema cannot say. */
export function configurationServerMistakes(settings: ConfigurationServerSettings): string[] {
  return [...keyRingSettingMistakes(settings), ...serviceSettingsMistakes(settings)]
}

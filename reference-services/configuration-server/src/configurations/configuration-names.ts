import Type, { type Static } from 'typebox'

/** What every application gets beside its own configuration. @see https://docs.spring.io/spring-cloud-config */
export const SHARED_APPLICATION = 'application'
/** The profile that always applies, after those that were asked for. */
export const DEFAULT_PROFILE = 'default'
/** The label of a request that names none. */
export const DEFAULT_LABEL = 'main'

// A name is a token and never part of a path: no slash in any encoding, no `(_)` for one, no `..`.
/** The name of an application, a profile or a label. */
export const ConfigurationName = Type.String({ pattern: '^(?!.*\\.\\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' })

/** One to eight profiles, separated by commas. */
export const ProfileList = Type.String({
  pattern: '^(?!.*\\.\\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?:,[A-Za-z0-9][A-Za-z0-9_.-]{0,63}){0,7}$'
})

/** The name of a value: `logLevel`, `sallyport.log-level`, `origins[0]`. */
export const PropertyName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.\\[\\]-]{0,127}$' })

/** Names one stored configuration. */
export const ConfigurationKeySchema = Type.Object(
  { application: ConfigurationName, profile: ConfigurationName, label: ConfigurationName },
  { additionalProperties: false }
)

/** The three names of one stored configuration. */
export type ConfigurationKey = Readonly<Static<typeof ConfigurationKeySchema>>

/** As the audit trail names it. */
export function configurationPath({ application, profile, label }: ConfigurationKey): string {
  return `${application}/${profile}/${label}`
}

import { envSchema } from 'env-schema'
import type { TObject } from 'typebox'
import { FORMATS, KEYWORDS, type SettingSchema } from './schema.ts'

/** What is wrong with the value of one setting, one entry a setting; `null` values are for the whole. */
export type Violations = Map<string, string>

interface AjvError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

/** Fastify's and env-schema's Ajv drop unknown keys and turn strings into numbers; a JSON file must get neither. */
export const STRICT = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: true,
  keywords: KEYWORDS,
  formats: FORMATS
}
const COERCING = { ...STRICT, coerceTypes: true, useDefaults: false }

/** Coerces environment strings to the types of their settings. Values that do not fit come back as violations. */
export function coerceStrings(
  schema: TObject,
  values: Record<string, unknown>
): { values: Record<string, unknown>; violations: Violations } {
  const properties = Object.fromEntries(Object.entries(schema.properties).filter(([key]) => Object.hasOwn(values, key)))
  const coerced = validateByEnvSchema({ type: 'object', properties, additionalProperties: false }, values, COERCING)
  if (coerced.violations.size === 0) return coerced
  // One value that does not fit leaves all of them strings: without it the others are what they are.
  const fitting = Object.fromEntries(Object.entries(values).filter(([key]) => !coerced.violations.has(key)))
  return {
    values: { ...values, ...validateByEnvSchema({ type: 'object', properties }, fitting, COERCING).values },
    violations: coerced.violations
  }
}

/** Checks values as they are, and adds defaults. */
export function checkValues(
  schema: TObject,
  values: Record<string, unknown>
): { values: Record<string, unknown>; violations: Violations } {
  return validateByEnvSchema({ ...schema, additionalProperties: false }, values, STRICT)
}

function validateByEnvSchema(
  schema: object,
  data: Record<string, unknown>,
  customOptions: object
): { values: Record<string, unknown>; violations: Violations } {
  try {
    return { values: envSchema({ schema, data, env: false, ajv: { customOptions } as never }), violations: new Map() }
  } catch (error) {
    const { errors } = error as { errors?: readonly AjvError[] }
    if (errors === undefined) throw error
    return { values: data, violations: violationsOf(schema as TObject, errors) }
  }
}

function violationsOf(schema: TObject, errors: readonly AjvError[]): Violations {
  const byKey = Map.groupBy(errors, settingOfError)
  return new Map(
    [...byKey].map(([key, list]) => {
      const choices = choicesOf(schema.properties[key])
      if (choices !== null && list.every(error => error.keyword !== 'required')) {
        return [key, `must be one of ${choices.join(', ')}`]
      }
      return [key, [...new Set(list.map(violationText))].join(' and ')]
    })
  )
}

function settingOfError(error: AjvError): string {
  if (error.instancePath !== '') return error.instancePath.split('/')[1] ?? ''
  const { missingProperty, additionalProperty } = error.params
  return String(missingProperty ?? additionalProperty ?? '')
}

function violationText({ keyword, params, message }: AjvError): string {
  return keyword === 'required'
    ? 'is required'
    : keyword === 'format'
      ? `must be a ${String(params.format)}`
      : (message ?? 'is not valid')
}

/** The literals of an enumeration or of a union of literals, else `null`. */
function choicesOf(schema: SettingSchema | undefined): readonly string[] | null {
  if (Array.isArray(schema?.enum)) return schema.enum.map(String)
  if (!Array.isArray(schema?.anyOf)) return null
  const members: readonly unknown[] = schema.anyOf
  const literals = members.map(member =>
    typeof member === 'object' && member !== null && 'const' in member ? String(member.const) : null
  )
  return literals.every(literal => literal !== null) ? literals : null
}

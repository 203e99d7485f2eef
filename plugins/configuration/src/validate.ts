import { envSchema, type EnvSchemaOpt } from 'env-schema'
import type { TObject } from 'typebox'
import { FORMATS, KEYWORDS, type SettingSchema } from './schema.ts'

/** What is wrong with the value of one setting, one entry a setting; `null` values are for the whole. */
export type Violations = Map<string, string>

/** Values as Ajv left them, with defaults, and what is wrong with them. */
export interface CheckedValues {
  readonly values: Record<string, unknown>
  readonly violations: Violations
}

interface AjvError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

/** The Ajv of env-schema. */
type EnvAjv = Extract<NonNullable<EnvSchemaOpt['ajv']>, { compile: unknown }>

/** A schema that is compiled once, however often values are checked against it. */
interface PreparedSchema {
  /** A copy, because env-schema writes `additionalProperties: false` to the schema it is given. */
  readonly schema: object
  readonly ajv: NonNullable<EnvSchemaOpt['ajv']>
}

/** Fastify's and env-schema's Ajv drop unknown keys and turn strings into numbers; a JSON file must get neither. */
const STRICT = {
  allErrors: true,
  allowUnionTypes: true,
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: true,
  keywords: KEYWORDS,
  formats: FORMATS
}
const COERCING = { ...STRICT, coerceTypes: true, useDefaults: false }

/** By the schema of the settings: live settings are read again and again. */
const strictChecks = new WeakMap<object, PreparedSchema>()
const coercingChecks = new WeakMap<object, PreparedSchema>()

/** Coerces environment strings to the types of their settings. Values that do not fit come back as violations. */
export function coerceStrings(schema: TObject, values: Record<string, unknown>): CheckedValues {
  const coerced = validateByEnvSchema(schema, values, coercingCheck(schema))
  if (coerced.violations.size === 0) return coerced
  // One value that does not fit leaves all of them strings: without it the others are what they are.
  const fitting = Object.fromEntries(Object.entries(values).filter(([key]) => !coerced.violations.has(key)))
  return {
    values: { ...values, ...validateByEnvSchema(schema, fitting, coercingCheck(schema)).values },
    violations: coerced.violations
  }
}

/** Checks values as they are, and adds defaults. */
export function checkValues(schema: TObject, values: Record<string, unknown>): CheckedValues {
  return validateByEnvSchema(schema, values, strictCheck(schema))
}

/** Options of `@fastify/env`, and of env-schema inside it, for the same check as {@link checkValues}. */
export function strictCheckOf(schema: object, data: Record<string, unknown>): EnvSchemaOpt {
  return { ...strictCheck(schema), data, env: false }
}

/**
 * What Ajv said, by setting.
 * @param error what env-schema threw; anything but violations is thrown again
 */
export function violationsIn(schema: TObject, error: unknown): Violations {
  const { errors } = error as { errors?: readonly AjvError[] }
  if (errors === undefined) throw error
  return violationsOf(schema, errors)
}

function validateByEnvSchema(schema: TObject, data: Record<string, unknown>, check: PreparedSchema): CheckedValues {
  try {
    return { values: envSchema({ ...check, data, env: false }), violations: new Map() }
  } catch (error) {
    return { values: data, violations: violationsIn(schema, error) }
  }
}

function strictCheck(schema: object): PreparedSchema {
  return prepared(strictChecks, schema, () => prepareSchema({ ...schema }, STRICT))
}

/** Of what is there: what is missing may come from another source. */
function coercingCheck({ properties }: TObject): PreparedSchema {
  return prepared(coercingChecks, properties, () => prepareSchema({ type: 'object', properties }, COERCING))
}

function prepared(known: WeakMap<object, PreparedSchema>, key: object, prepare: () => PreparedSchema): PreparedSchema {
  const found = known.get(key) ?? prepare()
  known.set(key, found)
  return found
}

/**
 * env-schema makes a new Ajv at each call, which costs more than the check, unless it is given one of its own class:
 * the first call lends that.
 */
function prepareSchema(schema: object, options: object): PreparedSchema {
  let kept: EnvAjv | null = null
  function keepOne(fresh: EnvAjv): EnvAjv {
    kept ??= Reflect.construct(fresh.constructor, [options]) as EnvAjv
    return kept
  }
  return {
    schema,
    get ajv() {
      return kept ?? { customOptions: keepOne }
    }
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

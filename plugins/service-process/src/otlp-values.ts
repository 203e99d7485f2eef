import { redactText } from './redact-text.ts'
import type { SpanValue } from './span-record.ts'

/**
 * One attribute as the JSON of OTLP, with secrets of its texts hidden.
 * @see OTLP 1.x, JSON Protobuf encoding
 */
export function otlpAttribute(name: string, value: SpanValue): string {
  return `{"key":${JSON.stringify(name)},"value":${otlpValue(value)}}`
}

/** A list of attributes as the JSON of OTLP; `null` is left out. */
export function otlpAttributes(values: Readonly<Record<string, SpanValue | null | undefined>>): string {
  const written: string[] = []
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined) written.push(otlpAttribute(name, value))
  }
  return `[${written.join(',')}]`
}

function otlpValue(value: SpanValue): string {
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(redactText(value))}}`
  if (typeof value === 'boolean') return `{"boolValue":${value}}`
  if (typeof value === 'number') return numberText(value)
  return `{"arrayValue":{"values":[${value.map(otlpValue).join(',')}]}}`
}

/** @see Protocol Buffers, JSON mapping of numbers */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return `{"intValue":"${value}"}`
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
}

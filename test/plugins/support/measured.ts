import { measurementsOf, type MeasuredValue } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'

/** What the app measures now: a number, or numbers by the values of the labels. */
export async function measured(app: FastifyInstance, name: string): Promise<unknown> {
  const found = measurementsOf(app).find(measurement => measurement.name === name)
  if (found === undefined) throw new Error(`${name} is not measured`)
  return plain(await found.read())
}

/** Labels in front of their values. */
function plain(value: MeasuredValue): unknown {
  if (value === null || typeof value === 'number') return value
  return Object.fromEntries(value.map(({ labels, value: number }) => [Object.values(labels).join(','), number]))
}

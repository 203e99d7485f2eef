// The published JSON Schema of `gateway.yaml`, made from the schema that the reader applies.
import { gatewaySchema } from '@sallyport/forwarding/document'

/** Where it is published, from the root. */
export const GATEWAY_SCHEMA_PATH = 'plugins/forwarding/src/document/gateway.schema.json'

/** For the reader alone: other tools know no such words. */
const READER_WORDS = ['expectation', 'keyExpectation', 'references']

/** The text of the file. */
export function publishedGatewaySchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'gateway.yaml of Sallyport' }
  return `${JSON.stringify({ ...head, ...gatewaySchema }, withoutReaderWords, 2)}\n`
}

function withoutReaderWords(name: string, value: unknown): unknown {
  return READER_WORDS.includes(name) || name.startsWith('~') ? undefined : value
}

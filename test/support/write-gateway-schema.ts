// Writes the JSON Schema of `gateway.yaml`, with which an editor completes and checks, and the table of its members:
// `npm run schema`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  GATEWAY_PAGE_PATH,
  GATEWAY_SCHEMA_PATH,
  publishedGatewaySchema,
  withGatewayMembers
} from './gateway-schema-file.ts'
import { ROOT } from './packages.ts'

writeFileSync(join(ROOT, GATEWAY_SCHEMA_PATH), publishedGatewaySchema())
const page = join(ROOT, GATEWAY_PAGE_PATH)
writeFileSync(page, withGatewayMembers(readFileSync(page, 'utf8')))

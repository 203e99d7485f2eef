// Writes the JSON Schema of `gateway.yaml`, with which an editor completes and checks, the table of its members, and
// the JSON Schema of a row of the audit trail: `npm run schema`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  GATEWAY_PAGE_PATH,
  GATEWAY_SCHEMA_PATH,
  publishedGatewaySchema,
  withGatewayMembers
} from './gateway-schema-file.ts'
import { AUDIT_RECORD_SCHEMA_PATH, publishedRecordSchema } from './audit-record-schema.ts'
import { ROOT } from './packages.ts'

writeFileSync(join(ROOT, GATEWAY_SCHEMA_PATH), publishedGatewaySchema())
const page = join(ROOT, GATEWAY_PAGE_PATH)
writeFileSync(join(ROOT, AUDIT_RECORD_SCHEMA_PATH), publishedRecordSchema())
writeFileSync(page, withGatewayMembers(readFileSync(page, 'utf8')))

// Writes the JSON Schema of `gateway.yaml`, with which an editor completes and checks: `npm run schema`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GATEWAY_SCHEMA_PATH, publishedGatewaySchema } from './gateway-schema-file.ts'
import { ROOT } from './packages.ts'

writeFileSync(join(ROOT, GATEWAY_SCHEMA_PATH), publishedGatewaySchema())

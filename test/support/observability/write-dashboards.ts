// Writes the dashboards of Grafana: `npm run dashboards`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../packages.ts'
import { DASHBOARDS_FOLDER, grafanaDashboards } from './grafana-dashboards.ts'

mkdirSync(join(ROOT, DASHBOARDS_FOLDER), { recursive: true })
for (const [name, text] of grafanaDashboards()) writeFileSync(join(ROOT, DASHBOARDS_FOLDER, name), text)

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readRules } from '../../support/observability/alert-rules.ts'
import { readExposedMetrics } from '../../support/observability/exposed-metrics.ts'
import {
  DASHBOARDS_FOLDER,
  DATASOURCE_VARIABLE,
  grafanaDashboards
} from '../../support/observability/grafana-dashboards.ts'
import { readPromql } from '../../support/observability/read-promql.ts'
import { unknownNames } from '../../support/observability/unknown-names.ts'
import { ROOT } from '../../support/packages.ts'

interface DashboardFile {
  readonly uid: string
  readonly panels: ReadonlyArray<{
    readonly id: number
    readonly title: string
    readonly datasource?: { readonly uid: string }
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets?: ReadonlyArray<{ readonly expr: string; readonly datasource: { readonly uid: string } }>
  }>
}

const folder = join(ROOT, DASHBOARDS_FOLDER)
const files = readdirSync(folder).sort()

t.test('the dashboards are those that `npm run dashboards` writes', async t => {
  const written = grafanaDashboards()
  t.strictSame(files, [...written.keys()].sort())
  for (const [name, text] of written) t.equal(readFileSync(join(folder, name), 'utf8'), text, name)
})

t.test(
  'a dashboard is imported without edits: its source of numbers is a variable, its graphs do not overlap',
  async t => {
    for (const file of files) {
      const { panels } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as DashboardFile
      t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'each panel has its own id')
      const taken = new Set<string>()
      for (const { title, datasource, targets = [], gridPos } of panels) {
        if (datasource !== undefined) {
          t.ok(targets.length > 0, `${title} shows something`)
          for (const { uid } of [datasource, ...targets.map(target => target.datasource)]) {
            t.equal(uid, DATASOURCE_VARIABLE)
          }
        }
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          const cell = `${x} ${gridPos.y}`
          t.notOk(taken.has(cell), `${title} stands alone`)
          taken.add(cell)
        }
      }
    }
  }
)

t.test('every alert is on a dashboard: a graph shows what its rule measures', async t => {
  const shown = new Set(
    [...grafanaDashboards().values()]
      .flatMap(text => (JSON.parse(text) as DashboardFile).panels)
      .flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => readPromql(expr).selectors.map(({ metric }) => metric))
      )
      .map(metric => metric.replace(/(share|ratio)\w+$/, '$1'))
  )
  const unseen = readRules().alerts.filter(
    ({ expr }) => !readPromql(expr).selectors.some(({ metric }) => shown.has(metric.replace(/(share|ratio)\w+$/, '$1')))
  )
  t.strictSame(
    unseen.map(({ alert }) => alert),
    []
  )
})

t.test('a name that no process exposes is found: metric, label, grouping and value', async t => {
  const exposed = readExposedMetrics([
    '# TYPE made_total counter\nmade_total{outcome="taken",process="a"} 3\n# TYPE took_seconds histogram\n'
  ])
  const unknown = (expression: string): string[] =>
    unknownNames([{ at: 'rule', expression }], exposed, new Set(['made:rate']), () => false)
  t.strictSame(unknown('sum by (process, outcome) (rate(made_total{outcome="taken"}[5m])) > 0 and made:rate'), [])
  t.strictSame(unknown('histogram_quantile(0.9, rate(took_seconds_bucket[5m])) unless up == 0'), [])
  t.strictSame(unknown('rate(made_totals[5m])'), ['rule: no made_totals'])
  t.strictSame(unknown('made_total{reason="x"}'), ['rule: made_total has no reason'])
  t.strictSame(unknown('made_total{outcome=~"taken|lost"}'), ['rule: made_total has no outcome taken|lost'])
  t.strictSame(unknown('sum by (reason) (made_total)'), ['rule: nothing has the label reason'])
  t.strictSame(unknown('sum by (what) (label_replace(made_total, "what", "x", "", ""))'), [])
})

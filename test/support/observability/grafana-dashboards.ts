// The dashboards of deploy/observability/grafana, in the types that Grafana publishes for them.
import { ThresholdsMode, type Dashboard, type Panel, type RowPanel, type VariableModel } from '@grafana/schema'
import {
  OPERATIONS_SECTIONS,
  SECURITY_SECTIONS,
  type DashboardGraph,
  type DashboardSection
} from './dashboard-panels.ts'

/** Where the files are, from the root. */
export const DASHBOARDS_FOLDER = 'deploy/observability/grafana/dashboards'

/** The variable of a dashboard that says where its numbers come from, as Grafana reads it. */
export const DATASOURCE_VARIABLE = '$datasource'

/** A dashboard is imported as it stands: where its numbers come from is chosen at its top. */
const DATASOURCE = { type: 'prometheus', uid: DATASOURCE_VARIABLE }
const COLUMNS = 3
const WIDTH = 24 / COLUMNS
const HEIGHT = 8
/** Of the schema of Grafana 11; later ones bring a dashboard up to date when they read it. */
const SCHEMA_VERSION = 39

/** The text of each file, by its name. */
export function grafanaDashboards(): ReadonlyMap<string, string> {
  const dashboards = [
    dashboardOf('sallyport-operations', 'Sallyport: operations', OPERATIONS_SECTIONS),
    dashboardOf('sallyport-security', 'Sallyport: security', SECURITY_SECTIONS)
  ]
  return new Map(dashboards.map(dashboard => [`${dashboard.uid}.json`, `${JSON.stringify(dashboard, null, 2)}\n`]))
}

function dashboardOf(uid: string, title: string, sections: readonly DashboardSection[]): Dashboard {
  return {
    uid,
    title,
    tags: ['sallyport'],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [datasourceVariable(), processVariable()] },
    panels: panelsOf(sections)
  }
}

function datasourceVariable(): VariableModel {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', multi: false }
}

function processVariable(): VariableModel {
  const query = 'label_values(up{job="sallyport"}, process)'
  return {
    name: 'process',
    label: 'Process',
    type: 'query',
    datasource: DATASOURCE,
    query,
    multi: true,
    includeAll: true,
    current: { text: ['All'], value: ['$__all'] }
  }
}

function panelsOf(sections: readonly DashboardSection[]): Array<Panel | RowPanel> {
  const panels: Array<Panel | RowPanel> = []
  let y = 0
  for (const { title, graphs } of sections) {
    const gridPos = { h: 1, w: 24, x: 0, y: y++ }
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos, panels: [] })
    for (const [index, graph] of graphs.entries()) {
      const place = { h: HEIGHT, w: WIDTH, x: (index % COLUMNS) * WIDTH, y: y + Math.floor(index / COLUMNS) * HEIGHT }
      panels.push({ id: panels.length + 1, ...graphPanel(graph), gridPos: place })
    }
    y += Math.ceil(graphs.length / COLUMNS) * HEIGHT
  }
  return panels
}

function graphPanel({ title, description, unit, queries, alarmAt }: DashboardGraph): Omit<Panel, 'id' | 'gridPos'> {
  return {
    type: 'timeseries',
    title,
    description,
    datasource: DATASOURCE,
    targets: Object.entries(queries).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      exemplar: expr.includes('_bucket')
    })),
    fieldConfig: {
      defaults: { unit, min: 0, ...(alarmAt !== undefined && alarmThreshold(alarmAt)) },
      overrides: []
    }
  }
}

function alarmThreshold(alarmAt: number): NonNullable<Panel['fieldConfig']>['defaults'] {
  return {
    custom: { thresholdsStyle: { mode: 'line' } },
    thresholds: {
      mode: ThresholdsMode.Absolute,
      // JSON has no -Infinity: the first step begins at null.
      steps: [
        { color: 'green', value: null },
        { color: 'red', value: alarmAt }
      ]
    }
  }
}

// The rules of Prometheus in deploy/observability, and their tests, as values.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from '../packages.ts'

/** Where configuration, rules and tests of rules are. */
export const PROMETHEUS_FOLDER = join(ROOT, 'deploy/observability/prometheus')

/** An alert: one name may be there twice, with another severity. */
export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** A series that Prometheus computes. */
export interface RecordingRule {
  readonly record: string
  readonly expr: string
}

/** One test of an alert, in the words of `promtool test rules`. */
export interface AlertTest {
  readonly name: string
  readonly alert_rule_test: ReadonlyArray<{
    readonly eval_time: string
    readonly alertname: string
    readonly exp_alerts: ReadonlyArray<{ readonly exp_labels: Readonly<Record<string, string>> }>
  }>
}

interface RuleDocument {
  readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<AlertRule | RecordingRule> }>
}

/** The paths of the files of rules. */
export function ruleFiles(): string[] {
  return yamlFiles('rules')
}

/** The paths of the files with tests of rules. */
export function ruleTestFiles(): string[] {
  return yamlFiles('tests')
}

/** Every rule, in the order of the files. */
export function readRules(): { readonly alerts: readonly AlertRule[]; readonly recordings: readonly RecordingRule[] } {
  const rules = ruleFiles().flatMap(file => {
    const { groups } = parse(readFileSync(file, 'utf8')) as RuleDocument
    return groups.flatMap(group => group.rules)
  })
  return { alerts: rules.filter(isAlert), recordings: rules.filter(rule => !isAlert(rule)) as RecordingRule[] }
}

/** Every test of a rule. */
export function readAlertTests(): AlertTest[] {
  return ruleTestFiles().flatMap(file => (parse(readFileSync(file, 'utf8')) as { tests: AlertTest[] }).tests)
}

/** The file name of an alert's page in docs/runbooks: `KeySetStale` has `key-set-stale.md`. */
export function runbookFile(alert: string): string {
  return `${alert.replaceAll(/(?<=[a-z])[A-Z]/g, letter => `-${letter}`).toLowerCase()}.md`
}

function isAlert(rule: AlertRule | RecordingRule): rule is AlertRule {
  return 'alert' in rule
}

function yamlFiles(folder: string): string[] {
  return readdirSync(join(PROMETHEUS_FOLDER, folder))
    .filter(name => name.endsWith('.yml'))
    .sort()
    .map(name => join(PROMETHEUS_FOLDER, folder, name))
}

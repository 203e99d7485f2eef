import { Gauge, type Registry } from '@prometheus-io/client'

/** Shows how wide the tolerance for clocks of issuers is: one that was widened to get by is not forgotten. */
export function showClockTolerance(registry: Registry, seconds: number): void {
  const gauge = new Gauge({
    name: 'sallyport_clock_tolerance_seconds',
    help: 'By how much the clock of an issuer may differ, in both directions',
    aggregator: 'max',
    registers: [registry]
  })
  gauge.set(seconds)
}

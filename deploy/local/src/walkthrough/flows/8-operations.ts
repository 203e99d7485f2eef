import type { Flow } from '../flow.ts'

/** Health and metrics on the operations listeners, separate from the traffic. */
export const operationsFlow: Flow = {
  title: '8. Metrics and health, on listeners of their own',
  run: async (stack, transcript) => {
    for (const [process, origin] of Object.entries(stack.operations)) {
      const live = await transcript.call({ url: `${origin}/health/live` })
      const ready = await transcript.call({ url: `${origin}/health/ready` })
      transcript.check(live.status === 200 && ready.status === 200, `${process} is live and ready`)
    }
    const metrics = String((await transcript.call({ url: `${stack.operations['order-service'] ?? ''}/metrics` })).body)
    transcript.check(
      metrics.includes('http_server_request_duration_seconds_bucket'),
      'durations by route, in the semantic conventions'
    )
    const isRefusal = (line: string): boolean =>
      line.startsWith('sallyport_security_events_total{') && line.includes('denied')
    transcript.check(metrics.split('\n').some(isRefusal), 'and what security refused')
    const edge = await transcript.call({ url: `${stack.gateway}/metrics` })
    transcript.check(edge.status === 404, 'none of it at the edge')
  }
}

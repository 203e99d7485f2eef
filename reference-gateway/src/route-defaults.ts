import type { RouteTableOptions } from '@sallyport/forwarding'
import type { GatewaySettings } from './settings.ts'

/** A table whose routes have what the settings say where the table says nothing. */
export function withSettingsDefaults(table: RouteTableOptions, settings: GatewaySettings): RouteTableOptions {
  const { maxBodyBytes, upstreamTimeoutMs, answerTimeoutMs, streamPauseMs, additionalRequestHeaders } = settings
  return {
    ...table,
    defaults: {
      maxBodyBytes,
      timeouts: { headMs: upstreamTimeoutMs, pauseMs: upstreamTimeoutMs, totalMs: answerTimeoutMs },
      streamPauseMs,
      requestHeaders: { pass: additionalRequestHeaders },
      ...table.defaults
    }
  }
}

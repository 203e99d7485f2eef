import { type OutgoingHead, outgoingFields, outgoingTarget } from '../outgoing-fields.ts'
import { findCredential } from '../credential.ts'
import { bodyToSend } from '../send-request.ts'
import { type ExchangeParts, thrownError } from './exchange-parts.ts'
import { CallerScope } from './caller-scope.ts'
import { ServiceExchange } from './service-exchange.ts'

/** A request to forward, with everything that its route and its app say about it. */
export interface LeanCall extends ExchangeParts, OutgoingHead {}

/**
 * Forwards a request without a stream or a promise of its own for the answer: undici hands the answer over as it is
 * parsed, and it is written as it comes. Answers the request, whatever happens.
 */
export function forwardLean(call: LeanCall): void {
  const exchange = new ServiceExchange(call)
  try {
    const credential = findCredential(call.request, call.route)
    if (!(credential instanceof Promise)) return dispatchCall(call, exchange, credential)
    credential.then(
      token => {
        dispatchCall(call, exchange, token)
      },
      (error: unknown) => {
        exchange.fail(thrownError(error))
      }
    )
  } catch (error) {
    exchange.fail(thrownError(error))
  }
}

function dispatchCall(call: LeanCall, exchange: ServiceExchange, token: string | null): void {
  if (!exchange.isPending) return
  const { request, route, protocolSwitch } = call
  const caller = new CallerScope(exchange, call, exchange.scope)
  try {
    const fields = outgoingFields(request, call, { token, deadlineAtMs: exchange.deadlineAtMs })
    route.upstream.dispatch(
      {
        origin: route.origin,
        path: outgoingTarget(request, route),
        method: request.method,
        headers: protocolSwitch === null ? fields : [...fields, ...protocolSwitch.fields()],
        // undici says it in the two fields of the connection.
        ...(protocolSwitch !== null && { upgrade: 'websocket' }),
        body: bodyToSend(request),
        // undici's clock for the head starts when the request is written.
        headersTimeout: 0,
        bodyTimeout: route.limits.pauseMs
      },
      caller
    )
  } catch (error) {
    caller.endWait()
    exchange.fail(thrownError(error))
  }
}

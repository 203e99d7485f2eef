import { AsyncResource } from 'node:async_hooks'
import { beginWait, endWait } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { ExchangeParts, SwitchedExchange } from './exchange-parts.ts'
import type { ServiceExchange } from './service-exchange.ts'

type CallerParts = Pick<ExchangeParts, 'request' | 'protocolSwitch'>

type HandlerArguments<Name extends keyof Dispatcher.DispatchHandler> = Parameters<
  NonNullable<Dispatcher.DispatchHandler[Name]>
>

/**
 * An exchange as undici sees it. undici reports in the asynchronous context of whoever opened its connection; what it
 * reports can lead to hooks of the app, and those run in the context of their own request. Counts how long the request
 * waits for the head of the answer.
 */
export class CallerScope implements Dispatcher.DispatchHandler {
  readonly #exchange: ServiceExchange
  readonly #request: FastifyRequest
  readonly #scope: AsyncResource
  readonly #protocolSwitch: SwitchedExchange | null
  #isWaiting = true

  /** Make it where the call begins. @param scope made in the context of the request */
  constructor(exchange: ServiceExchange, { request, protocolSwitch }: CallerParts, scope: AsyncResource) {
    this.#exchange = exchange
    this.#request = request
    this.#protocolSwitch = protocolSwitch
    this.#scope = scope
    beginWait(request, 'upstream')
  }

  /** The head of the answer is here, or will not come. */
  endWait(): void {
    if (this.#isWaiting) endWait(this.#request, 'upstream')
    this.#isWaiting = false
  }

  onQueued(leave: (reason: Error) => void): void {
    this.#exchange.onQueued(leave)
  }

  onRequestSent(): void {
    this.#exchange.onRequestSent()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#exchange.onRequestStart(controller)
  }

  /** The service has switched protocols: the exchange has nothing to do with what follows. */
  onRequestUpgrade(...[, , headers, socket]: HandlerArguments<'onRequestUpgrade'>): void {
    this.endWait()
    this.#scope.runInAsyncScope(() => {
      if (this.#protocolSwitch !== null && this.#exchange.release()) this.#protocolSwitch.take(headers, socket)
      else socket.on('error', () => {}).destroy()
    })
  }

  onResponseStart(...[controller, statusCode, headers]: HandlerArguments<'onResponseStart'>): void {
    // Informational answers are not what it waits for.
    if (statusCode >= 200) this.endWait()
    this.#scope.runInAsyncScope(this.#exchange.onResponseStart, this.#exchange, controller, statusCode, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#scope.runInAsyncScope(this.#exchange.onResponseData, this.#exchange, controller, chunk)
  }

  onResponseEnd(): void {
    this.#scope.runInAsyncScope(this.#exchange.onResponseEnd, this.#exchange)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.endWait()
    this.#scope.runInAsyncScope(this.#exchange.onResponseError, this.#exchange, controller, error)
  }
}

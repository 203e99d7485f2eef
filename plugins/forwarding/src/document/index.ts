/**
 * Routes and upstreams as a document: `gateway.yaml`, or the same in JSON. Import from
 * `@sallyport/forwarding/document`.
 */
export { readGatewayDocument, type DocumentReading } from './read-document.ts'
export type { DocumentMistake } from './place-mistakes.ts'
export { readRoutesOverlay, type OverlayReading } from './overlay/read-overlay.ts'
export { gatewaySchema } from './gateway-schema.ts'
export type { ReferenceSources } from './replace-references.ts'
export {
  describeRoutes,
  explainRequest,
  type ExplainedRequest,
  type RequestExplanation,
  type RouteDescription
} from './describe-routes.ts'

import Type from 'typebox'
import { closed, fixedText, openText } from './schema-parts.ts'
import { isComposedPath, isFieldValue, isScope } from './text-forms.ts'

/** `forward` of a route, and of a part. */
export const forwardMember = Type.Union(
  [
    Type.Enum(['token', 'none']),
    closed(
      {
        audience: openText('an audience', isScope, 'The one audience of the token that the service gets (RFC 8693).'),
        scope: Type.Optional(openText('scopes, separated by spaces', isFieldValue, 'The scope that is asked for.'))
      },
      'A token of its own for the service.'
    )
  ],
  {
    description: "The credential that goes on: one exchanged for the service, the caller's own (`token`), or `none`.",
    expectation: 'token, none, or an object with audience'
  }
)

/** `compose` of a route. */
export const composeMember = Type.Record(
  Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]*$' }),
  closed(
    {
      path: fixedText(
        'a path such as /orders/:orderId',
        isComposedPath,
        'The path at the service, with parameters of the route.'
      ),
      upstream: Type.Optional(fixedText('the name of an upstream', isScope, 'Default: that of the route.')),
      forward: Type.Optional(forwardMember),
      decides: Type.Optional(Type.Boolean({ description: 'Whether a refusal of this part is the whole answer.' }))
    },
    'One of the services whose answers are joined.'
  ),
  {
    description: 'Answers of several services as one, by the name of the part, asked for at the same time.',
    additionalProperties: false,
    keyExpectation: 'a name of letters, digits and underscores'
  }
)

/** HTML that is safe to send: text went into it escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, character => ESCAPES[character] ?? '')

/** What a template takes: text is escaped, HTML is not, a list is joined, `null` is nothing. */
export type HtmlPart = string | Html | readonly Html[] | null

/** Template for HTML. Attributes in it have to be quoted: what is escaped then ends neither attribute nor element. */
export function html(template: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return new Html(template.reduce((text, fixed, position) => text + partText(parts[position - 1] ?? null) + fixed))
}

function partText(part: HtmlPart): string {
  if (part === null) return ''
  if (typeof part === 'string') return escaped(part)
  return part instanceof Html ? part.text : part.map(({ text }) => text).join('')
}

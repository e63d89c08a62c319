// A sentence of the API, whose names stand between backticks, with the names set as code.
import { html, type TemplateResult } from 'lit';

export function prose(text: string): TemplateResult[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

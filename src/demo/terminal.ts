/** Our own comments, readable in a terminal: marks of Markdown and HTML taken off or turned into colours where there is a terminal. */

export interface Terminal {
  readonly colours: boolean;
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' };

function decoded(text: string): string {
  return text
    .replace(/&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));/gi, (_, hex: string | undefined, decimal: string | undefined) =>
      String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
    )
    .replace(/&([a-z]+);/g, (whole, name: string) => named[name] ?? whole)
    .replaceAll('\u2060', '');
}

export function forTerminal(markdown: string, { colours }: Terminal): string {
  const paint = (code: string, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  let inFence = '';
  for (const line of markdown.replace(/<!--.*?-->\n?/gs, '').split('\n')) {
    const fence = /^(`{3,})/.exec(line)?.[1];
    if (inFence !== '') {
      if (fence === inFence) inFence = '';
      else lines.push(`    ${line.replaceAll('\u2060', '')}`);
      continue;
    }
    if (fence !== undefined) {
      inFence = fence;
      continue;
    }
    const text = line
      .replace(/<summary>(.*?)<\/summary>/g, (_, inner: string) => paint('1', `▸ ${inner.replace(/<\/?(?:b|strong)>/g, '')}`))
      .replace(/<\/?(?:details|sub|sup|small|p|br)(?: [^<>]*)?\/?>/g, '')
      .replace(/<code>(.*?)<\/code>/g, (_, inner: string) => paint('36', inner))
      .replace(/<a href="[^"]*">(.*?)<\/a>/g, '$1')
      .replace(/\[([^\]]*)\]\([^()]*\)/g, '$1')
      .replace(/\*\*(.+?)\*\*/g, (_, inner: string) => paint('1', inner))
      .replace(/^#{1,6} (.*)$/, (_, inner: string) => paint('1;4', inner));
    lines.push(decoded(text));
  }
  return lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/**
 * Text for people, with foreign text marked, so that every renderer can put the foreign parts in code
 * and nothing else can build Markdown out of them.
 *
 * In: our own words and values. Out: a list of parts. Refuses: nothing; foreign text stays as it is until it is rendered.
 */

/** A string is our own words; `code` is a value or foreign text (a symbol, a path, a piece of the log). */
export type SentencePart = string | { readonly code: string };
export type Sentence = readonly SentencePart[];

/** Tagged template: the literal parts are our words, every interpolated value is code, nested sentences are spliced in, an empty string is nothing. */
export function say(words: TemplateStringsArray, ...values: readonly (string | number | bigint | Sentence)[]): Sentence {
  const parts: SentencePart[] = [];
  words.forEach((word, index) => {
    if (word !== '') parts.push(word);
    const value = values[index];
    if (value === undefined || value === '') return;
    if (typeof value === 'object') parts.push(...value);
    else parts.push({ code: String(value) });
  });
  return parts;
}

export function plain(sentence: Sentence): string {
  return sentence.map((part) => (typeof part === 'string' ? part : part.code)).join('');
}

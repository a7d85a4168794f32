/**
 * A long stack folded to a few lines: handler frames first, then weak ones, then the middle.
 *
 * In: the items of a stack, drawn or not. Out: no more items than there is room, with a line for each run that was folded.
 * Refuses: to fold the guilty frame or the outermost one.
 */

/** Columns of one line, before they are padded. */
export interface Row {
  readonly mark: string;
  readonly number: string;
  readonly name: string;
  readonly place: string;
  readonly how: string;
  readonly guilty: boolean;
  readonly weak: boolean;
}

export type Item =
  | { readonly kind: 'row'; readonly row: Row; readonly handler: boolean }
  | { readonly kind: 'boundary'; readonly text: string }
  | { readonly kind: 'fold'; readonly text: string };

/** Folds until `room` lines are left: handler frames first, then runs of weak frames, then the middle. */
export function fold(items: readonly Item[], room: number): readonly Item[] {
  const guiltyAt = items.findIndex((item) => item.kind === 'row' && item.row.guilty);
  const keepHead = Math.max(3, Math.min(guiltyAt + 1, room - 3));
  let shown = items;
  const handler = (item: Item, index: number): boolean => item.kind === 'row' && item.handler && index >= keepHead;
  const weak = (item: Item, index: number): boolean => item.kind === 'row' && item.row.weak && index >= keepHead;
  for (const [test, word] of [
    [handler, 'handler frames'],
    [weak, 'weak frames'],
  ] as const) {
    if (shown.length > room) shown = foldRuns(shown, test, word);
  }
  if (shown.length <= room) return shown;
  const tail = Math.max(1, Math.floor((room - keepHead - 1) / 2));
  const head = room - tail - 1;
  return [...shown.slice(0, head), { kind: 'fold', text: `... ${framesIn(shown.slice(head, -tail))} more frames` }, ...shown.slice(-tail)];
}

function framesIn(items: readonly Item[]): number {
  return items.filter((item) => item.kind === 'row').length;
}

function foldRuns(items: readonly Item[], test: (item: Item, index: number) => boolean, word: string): readonly Item[] {
  const shown: Item[] = [];
  let run: Item[] = [];
  const close = (): void => {
    if (run.length > 2) shown.push({ kind: 'fold', text: `... ${run.length} ${word}` });
    else shown.push(...run);
    run = [];
  };
  items.forEach((item, index) => {
    if (test(item, index)) run.push(item);
    else {
      close();
      shown.push(item);
    }
  });
  close();
  return shown;
}

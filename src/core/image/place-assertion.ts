/** The function that holds the line of an assertion, through the line table: such a log has no address at all. */
import { hex, linkAddressValue, toRuntime } from '../addresses.js';
import type { LogEvent } from '../log/crash-log.js';
import type { ReportEvent } from '../report/report.js';
import { codeAtLine } from './line-places.js';
import type { LoadedImage } from './loaded-image.js';

/** Empty where no image has code of that line, and where several functions do (a line of a header). */
export function placeAssertion(event: LogEvent, images: readonly LoadedImage[]): Pick<ReportEvent, 'function' | 'range'> {
  const { file, sourceLine } = event;
  if (file === undefined || sourceLine === undefined) return {};
  for (const { image, bias } of images) {
    const found = new Map<string, Pick<ReportEvent, 'function' | 'range'>>();
    for (const place of codeAtLine(image, file, sourceLine) ?? []) {
      const { functions, range } = image.lookup(place.start);
      const owner = functions.at(-1);
      if (owner === undefined) continue;
      const { start, end } = range ?? place;
      found.set(`${owner.name} ${hex(linkAddressValue(start))}`, {
        function: functions[0]?.name ?? owner.name,
        range: { start: toRuntime(start, bias, image.arch), end: toRuntime(end, bias, image.arch) },
      });
    }
    const [only, ...others] = [...found.values()];
    if (only !== undefined && new Set([only, ...others].map((each) => each.function)).size === 1) return only;
  }
  return {};
}

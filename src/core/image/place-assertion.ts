/** The function that holds the line of an assertion, through the line table: such a log has no address at all. */
import type { LogEvent } from '../log/crash-log.js';
import type { ReportEvent } from '../report/report.js';
import type { LoadedImage } from './loaded-image.js';

export function placeAssertion(_event: LogEvent, _images: readonly LoadedImage[]): Pick<ReportEvent, 'function' | 'range'> {
  return {};
}

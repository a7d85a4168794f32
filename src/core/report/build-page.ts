/** Report and context to page: the one place that knows the order of sections. */
import {
  bootSection,
  candidatesSection,
  damageSection,
  eventsSection,
  footerSection,
  gapsSection,
  imageSections,
  provenanceSection,
  registersSection,
  wordsSection,
} from './detail-sections.js';
import { commitsSection, seenBeforeSection, sourceSection } from './history-sections.js';
import type { Page, Section } from './page.js';
import type { Report, ReportContext } from './report.js';
import { stackSections } from './stack-section.js';
import { verdictSection } from './verdict-section.js';
import { whySections } from './why-section.js';

const shownWarnings = 8;

export function buildPage(report: Report, context: ReportContext): Page {
  const images = imageSections(report);
  const gaps = gapsSection(report);
  const open = (sections: readonly Section[]): readonly Section[] => sections.filter(({ collapsed }) => !collapsed);
  const closed = (sections: readonly Section[]): readonly Section[] => sections.filter(({ collapsed }) => collapsed);
  const stacks = stackSections(report, context);
  const why = whySections(report);
  const source = sourceSection(context);
  return [
    verdictSection(report),
    ...warningsSection(context),
    ...open(images),
    ...seenBeforeSection(context),
    ...open(stacks),
    ...open(why),
    ...open(source),
    ...open(gaps),
    ...closed(stacks),
    ...closed(why),
    ...commitsSection(context),
    ...closed(source),
    ...registersSection(report),
    ...wordsSection(report),
    ...candidatesSection(context),
    ...closed(images),
    ...bootSection(report),
    ...eventsSection(report),
    ...damageSection(report),
    ...closed(gaps),
    ...provenanceSection(context),
    footerSection(context),
  ];
}

function warningsSection({ warnings }: ReportContext): readonly Section[] {
  if (warnings.length === 0) return [];
  return [{ name: 'warnings', collapsed: false, blocks: [{ kind: 'list', items: warnings.slice(0, shownWarnings) }] }];
}

/**
 * (CrashLog, images) → Report: the only place where the stages meet.
 *
 * In: a log that was read, and the bytes of images. Out: one report. Refuses: nothing; an image that cannot be read is a gap.
 */
import { toLink } from './addresses.js';
import type { ByteSource } from './bytes/byte-source.js';
import { FormatError } from './bytes/format-error.js';
import { diagnose } from './diagnose/diagnose.js';
import type { Gap } from './gap.js';
import { describeFrames } from './image/describe-frames.js';
import { findBias } from './image/find-bias.js';
import { codeSha256Of, sha256Of } from './image/hash-image.js';
import type { Image } from './image/image.js';
import type { LoadedImage } from './image/loaded-image.js';
import { matchImages } from './image/match.js';
import { openImage } from './image/open-image.js';
import { placeAssertion } from './image/place-assertion.js';
import { placeImage } from './image/place-image.js';
import type { CrashLog } from './log/crash-log.js';
import type { Platform } from './platform.js';
import type { Report, ReportCrash, ReportImage, Verdict } from './report/report.js';
import { sameAs } from './report/same.js';
import { signatureOf } from './report/signature.js';
import { registerMeanings, wordMeanings } from './report/words.js';
import { say } from './sentence.js';

export interface ImageInput {
  /** As the reader knows it: a path in an artifact or on disk. */
  readonly path: string;
  readonly source: ByteSource;
  /** Length of the gunzipped hypervisor image built with it, where known. */
  readonly hypervisorLength?: number;
  /** Another image with other code, which is not handed in, fits the log as well: this one is not believed more than `ambiguous`. */
  readonly hasRival?: boolean;
}

interface Opened {
  readonly input: ImageInput;
  readonly loaded: LoadedImage;
}

export function analyze(log: CrashLog, inputs: readonly ImageInput[], platform: Platform): Report {
  const gaps: Gap[] = [];
  const opened = inputs.flatMap((input) => open(input, log, platform, gaps));
  const images = opened.map(({ loaded }) => loaded);
  const { backtraces, matches } = matchImages({
    log,
    images: opened.map(({ input, loaded }) => ({
      loaded,
      ...(input.hypervisorLength === undefined ? {} : { hypervisorLength: input.hypervisorLength }),
    })),
    platform,
  });
  const reportImages: ReportImage[] = opened.map(({ input, loaded }, index) => ({
    path: input.path,
    arch: loaded.image.arch,
    sha256: sha256Of(input.source, platform),
    ...codeHash(loaded.image, platform),
    bias: loaded.bias,
    ...(loaded.biasFrom === undefined ? {} : { biasFrom: loaded.biasFrom }),
    // one entry an image, in the same order
    verdict: besideRival(input, matches[index]?.verdict ?? 'unverifiable'),
    evidence: matches[index]?.evidence ?? [],
  }));
  const described = log.crashes.map((crash, index) => {
    const backtrace = backtraces[index];
    return { crash, frames: backtrace === undefined ? [] : describeFrames(crash, backtrace, images), backtrace };
  });
  const same = sameAs(described);
  const believed = images.filter((_, index) => reportImages[index]?.verdict !== 'mismatch');
  const crashes: ReportCrash[] = described.map(({ crash, frames, backtrace }, index) => {
    const first = same[index];
    return {
      crash,
      frames,
      stop: backtrace?.stop ?? { kind: 'no-image' },
      ...(first === undefined ? {} : { sameAs: first }),
      registerMeanings: registerMeanings(crash, believed),
      wordMeanings: wordMeanings({ crash, frames }, believed),
    };
  });
  const mismatched = new Set(reportImages.flatMap(({ verdict }, index) => (verdict === 'mismatch' ? [index] : [])));
  const diagnosis = diagnose({
    log,
    // names out of an image that does not fit are no evidence
    backtraces: crashes.map(({ frames }) => frames.filter(({ frame }) => frame.image === undefined || !mismatched.has(frame.image))),
    images: believed,
    platform,
  });
  for (const { image } of images) gaps.push(...image.gaps);
  const leading = leadingCrash(log);
  const partial = { log, images: reportImages, crashes, findings: diagnosis.findings, ...(leading === undefined ? {} : { leading }) };
  const signature = signatureOf(partial);
  return {
    ...partial,
    events: log.events.map((event) => ({ ...event, ...placeAssertion(event, believed) })),
    unknown: diagnosis.unknown,
    gaps,
    ...(signature === undefined ? {} : { signature }),
  };
}

function codeHash(image: Image, platform: Platform): Pick<ReportImage, 'codeSha256'> {
  const codeSha256 = codeSha256Of(image, platform);
  return codeSha256 === undefined ? {} : { codeSha256 };
}

const besideRival = ({ hasRival }: ImageInput, verdict: Verdict): Verdict =>
  hasRival === true && verdict !== 'mismatch' ? 'ambiguous' : verdict;

function open(input: ImageInput, log: CrashLog, platform: Platform, gaps: Gap[]): Opened[] {
  try {
    const image = openImage(input.source, input.path, platform);
    return [{ input, loaded: place(image, log, platform) }];
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    gaps.push({
      kind: error.kind,
      where: input.path,
      problem: say`${error.where}${error.offset < 0 ? '' : ` at offset 0x${error.offset.toString(16)}`}: ${error.problem}`,
      remedy: say`hand in the ELF file of the build that crashed`,
    });
    return [];
  }
}

/** Where the log's lines put it; an image that holds none of the PCs there may have been moved. */
function place(image: Image, log: CrashLog, platform: Platform): LoadedImage {
  const placed = placeImage(image, log);
  const pcs = log.crashes.flatMap(({ fault }) => fault.pc ?? []);
  const isHere = pcs.some((pc) => {
    const link = toLink(pc, placed.bias);
    return link !== undefined && image.sectionAt(link) !== undefined;
  });
  return isHere || image.arch !== log.arch ? placed : (findBias(image, log.crashes, platform) ?? placed);
}

/**
 * The crash that leads the answer: the first of the last boot that crashed. Several CPUs that die of one cause print in any
 * order; the first header is the nearest to the cause.
 */
function leadingCrash({ crashes }: CrashLog): number | undefined {
  if (crashes.length === 0) return undefined;
  const lastBoot = crashes.reduce<number | undefined>(
    (last, { boot }) => (boot === undefined ? last : Math.max(last ?? boot, boot)),
    undefined,
  );
  const first = crashes.findIndex(({ boot }) => boot === lastBoot);
  return Math.max(first, 0);
}

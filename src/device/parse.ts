import { holdAgainst } from '../core/explain.ts';
import type { FailureCode } from '../core/failure.ts';
import { choice, didYouMean } from '../core/guess.ts';
import { type Problem, sorted } from '../core/problem.ts';
import type { DeviceId } from '../core/reading.ts';
import { parseSource, type SourceDocument } from '../core/source.ts';
import { judgeBinding, warnOfBinding } from './bind-checks.ts';
import type { BoundDevice } from './bound.ts';
import { warnOfImpossible } from './impossible.ts';
import { type DeviceModel, deviceModelSchema } from './model.ts';
import { judgeModel } from './model-checks.ts';
import { partsOf, type SiteParts } from './parts.ts';
import { type Site, siteSchema } from './site.ts';
import { judgeSite } from './site-checks.ts';

/** The device files there are. Whoever has a disk fills it. */
export interface ModelLibrary {
  /** All `maker/model` names. */
  readonly names: readonly string[];
  /** The text of one and the file name for messages; undefined when there is none. */
  read(name: string): { readonly file: string; readonly text: string } | undefined;
}

/** A site that can be run: everything named in it exists, and the parts fit each other. */
export interface CheckedSite {
  readonly site: Site;
  readonly devices: ReadonlyMap<DeviceId, BoundDevice>;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Problem[] }
  | {
      readonly ok: false;
      /** The failure that stops the start: the site file's own if it is wrong, else that of the device files. */
      readonly code: Extract<FailureCode, 'site-invalid' | 'device-file-missing' | 'device-file-invalid'>;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Problem[];
    };

/**
 * Checks a site file together with the device files it names. Tells everything that is wrong, in the order of the lines.
 * @param file the file's name as messages shall show it
 */
export function checkSite(text: string, file: string, library: ModelLibrary): Checked<CheckedSite> {
  const { document, problems: yamlProblems } = parseSource(text, file);
  if (!document) return { ok: false, code: 'site-invalid', problems: sorted(yamlProblems), warnings: [] };
  const parsed = holdAgainst(document, siteSchema);
  const parts = partsOf(document);
  const own = judgeSite(parts, document);
  const models = readModels(parts, document, library);
  const binding = judgeBinding(parts, models.sound, document);
  const inSite = [...yamlProblems, ...parsed.problems, ...own.problems, ...binding];
  const warnings = [...own.warnings, ...warnOfBinding(parts, models.sound, document)];
  if (inSite.length + models.missing.length + models.broken.length === 0 && parsed.value) {
    const all = sorted([...warnings, ...warnOfImpossible(parsed.value, models.sound, document)]);
    return { ok: true, value: bind(parsed.value, models.sound), warnings: all };
  }
  return {
    ok: false,
    code:
      inSite.length > 0 ? 'site-invalid' : models.missing.length > 0 ? 'device-file-missing' : 'device-file-invalid',
    problems: sorted([...inSite, ...models.missing, ...models.broken]),
    warnings: sorted(warnings),
  };
}

/** Checks one device file by itself. */
export function checkDeviceFile(text: string, file: string): Checked<DeviceModel> {
  const { document, problems: yamlProblems } = parseSource(text, file);
  const parsed = document && holdAgainst(document, deviceModelSchema);
  const fit = document && parsed?.value ? judgeModel(parsed.value, document) : [];
  const problems = [...yamlProblems, ...(parsed?.problems ?? []), ...fit];
  if (problems.length === 0 && parsed?.value) return { ok: true, value: parsed.value, warnings: [] };
  return { ok: false, code: 'device-file-invalid', problems: sorted(problems), warnings: [] };
}

interface Models {
  readonly sound: Map<string, DeviceModel>;
  readonly missing: Problem[];
  readonly broken: Problem[];
}

function readModels({ devices }: SiteParts, document: SourceDocument, library: ModelLibrary): Models {
  const models: Models = { sound: new Map(), missing: [], broken: [] };
  const read = new Set<string>();
  for (const { path, value } of devices) {
    const source = library.read(value.model);
    if (!source) {
      const advice = didYouMean(value.model, library.names, 'write one, or correct the name');
      const expected = `a device file: ${choice(library.names)}`;
      models.missing.push(document.problem([...path, 'model'], `"${value.model}"`, expected, advice));
      continue;
    }
    if (read.has(value.model)) continue;
    read.add(value.model);
    const checked = checkDeviceFile(source.text, source.file);
    if (checked.ok) models.sound.set(value.model, checked.value);
    else models.broken.push(...checked.problems);
  }
  return models;
}

function bind(site: Site, models: ReadonlyMap<string, DeviceModel>): CheckedSite {
  const devices = new Map<DeviceId, BoundDevice>();
  for (const config of site.devices) {
    const model = models.get(config.model);
    const line = site.lines.find(({ id }) => id === config.line);
    // Both were found by the checks; this only tells the compiler.
    if (model && line) devices.set(config.id, { config, model, framing: line.framing, zone: site.zone });
  }
  return { site, devices };
}

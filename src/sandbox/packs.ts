import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { XmlDocument, XmlLibError, XsdValidator } from 'libxml2-wasm';
import { OdecetError } from '../core/failure.ts';
import { type FormatPack, loadPack, packProblemText } from '../message/pack.ts';

/** A format pack with the schema that stands beside it under the same name. */
export interface CheckedPack {
  readonly pack: FormatPack;
  /** The schema's first complaint about a document, undefined when it is valid. */
  readonly complaint: (xml: string) => string | undefined;
}

/** Reads NAME.yaml and NAME.xsd of a folder. Throws OdecetError pack-invalid. */
export async function loadPacks(folder: string): Promise<CheckedPack[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new OdecetError('pack-invalid', `${folder} cannot be read; name the folder with the packs`, { cause });
  });
  const files = names.filter((name) => name.endsWith('.yaml')).sort();
  if (files.length === 0) throw new OdecetError('pack-invalid', `${folder} holds no pack (NAME.yaml with NAME.xsd)`);
  return Promise.all(files.map((name) => loadOne(join(folder, name))));
}

async function loadOne(path: string): Promise<CheckedPack> {
  const loaded = loadPack(await readFile(path, 'utf8'), path);
  if (loaded.kind === 'problems') throw new OdecetError('pack-invalid', packProblemText(loaded.problems));
  const schemaPath = path.replace(/\.yaml$/, '.xsd');
  const schema = await readFile(schemaPath, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('pack-invalid', `${schemaPath} cannot be read; each pack needs its schema beside it`, {
      cause,
    });
  });
  const validator = compiled(schema, schemaPath);
  return { pack: loaded.pack, complaint: (xml) => schemaComplaint(validator, xml) };
}

/** Compiled once and for as long as the program runs: that takes longer than holding a document against it. */
function compiled(schema: string, path: string): XsdValidator {
  try {
    return XsdValidator.fromDoc(XmlDocument.fromString(schema));
  } catch (cause) {
    throw new OdecetError('pack-invalid', `${path} is not a schema: ${String(cause)}`, { cause });
  }
}

function schemaComplaint(validator: XsdValidator, xml: string): string | undefined {
  let document: XmlDocument | undefined;
  try {
    document = XmlDocument.fromString(xml);
    validator.validate(document);
    return undefined;
  } catch (error) {
    if (error instanceof XmlLibError) return error.details[0]?.message.trim() ?? error.message;
    throw error;
  } finally {
    document?.dispose();
  }
}

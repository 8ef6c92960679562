import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { OdecetError } from '../core/failure.ts';
import { makeFolder } from './make-folder.ts';

/** The bytes of a socket's name behind its zero. All are used: what stands in the rest differs between releases of Node. */
const NAME_BYTES = 107;

/**
 * One user for a folder of this machine, by a name in Linux's abstract namespace as for a line (decision 0008): free again the
 * moment its process ends, however it ends. The folder is made where there is none.
 *
 * @returns lets it go
 * Throws OdecetError store-locked where another has it, with this advice.
 */
export async function lockFolder(folder: string, advice: string): Promise<() => Promise<void>> {
  await makeFolder(folder);
  // Not its path: one folder may be reached by several.
  const { dev, ino } = await stat(folder);
  const name = `\0${`odecet folder ${dev} ${ino}`.padEnd(NAME_BYTES)}`;
  const server = createServer((socket) => socket.destroy());
  // A lock is no reason to live on.
  server.unref();
  await new Promise<void>((had, refused) => {
    server.once('error', (cause) => refused(new OdecetError('store-locked', `${folder}: ${advice}`, { cause })));
    server.listen(name, () => had());
  });
  return () => new Promise((done) => void server.close(() => done()));
}

import { Command } from 'commander';
import { type Enrolled, enroll, giveNumber, givePoints, pointsOfSiteFile, renew, revoke } from '../app/enroll.ts';
import { OdecetError } from '../core/failure.ts';

interface EnrollOptions {
  readonly registry: string;
  readonly sender?: string[];
  readonly out?: string;
  readonly csr?: true;
  readonly mosquittoPasswords?: string;
  readonly relayKey?: string;
  readonly broker?: string;
  readonly renew?: true;
  readonly revoke?: true;
  readonly number?: true;
  readonly points?: string[];
  readonly siteFile?: string;
}

/** `odecet enroll SITE`: a new site in one command; with --revoke the end of one. */
export function enrollCommand(): Command {
  return new Command('enroll')
    .description("make a site's key and its access to the broker, and enter it into the relay's registry")
    .argument('<site>', 'its name')
    .requiredOption('--registry <registry.yaml>', "the relay's registry")
    .option('--sender <code...>', 'market participants in whose name it may send')
    .option('--out <folder>', "where the site's files go; they are secret (default: ./SITE)")
    .option('--csr', 'a key and certificate request for the broker instead of a password')
    .option('--mosquitto-passwords <file>', "add the password to Mosquitto's file")
    .option('--relay-key <key>', 'public key of the relay, for the site file')
    .option('--broker <url>', 'address of the broker, for the site file')
    .option('--points <code...>', 'points it may speak for; without --sender: of a site that is enrolled')
    .option('--site-file <site.yaml>', 'the same: the points that stand in this file')
    .option('--number', 'give a number to a site that was enrolled without one, and say it')
    .option('--renew', 'a new key and access for a site that is enrolled, also one that was revoked')
    .option('--revoke', 'take nothing of this site any more')
    .action(async (site: string, options: EnrollOptions) => {
      if (options.revoke) {
        await revoke(options.registry, site);
        process.stdout.write(`${site} is revoked; take its password or certificate from the broker too\n`);
        return;
      }
      if (options.number) {
        process.stdout.write(`For its site.yaml:\n\nnumber: ${await giveNumber(options.registry, site)}\n`);
        return;
      }
      const points = options.siteFile === undefined ? options.points : await pointsOfSiteFile(options.siteFile);
      if (points && !options.sender) {
        await givePoints(options.registry, site, points);
        process.stdout.write(`${site} speaks for ${points.join(', ')}, and no other site of its senders does\n`);
        return;
      }
      const { registry, sender: senders, csr = false, mosquittoPasswords, relayKey, broker: brokerUrl } = options;
      const order = {
        site,
        registry,
        csr,
        out: options.out ?? site,
        ...(mosquittoPasswords !== undefined && { mosquittoPasswords }),
        ...(relayKey !== undefined && { relayKey }),
        ...(brokerUrl !== undefined && { brokerUrl }),
      };
      if (options.renew) return print('has a new key', await renew(order));
      if (!senders) throw new OdecetError('usage', 'name the market participant with --sender');
      print('is enrolled with the key', await enroll({ ...order, senders, ...(points && { points }) }));
    });
}

function print(what: string, { line, files, uplink }: Enrolled): void {
  process.stdout.write(`${line.site} ${what} ${line.key}\n`);
  for (const file of files) process.stdout.write(`  ${file}\n`);
  process.stdout.write(`\nFor its site.yaml (file names are relative to it):\n\n${uplink}`);
}

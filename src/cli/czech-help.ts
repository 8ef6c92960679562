import type { Translations } from '../core/say.ts';

/** What `--help` says, in Czech, and what is said of a command line that is wrong. */
export const HELP_CZECH: Translations = {
  'Usage:': 'Použití:',
  'Arguments:': 'Argumenty:',
  'Options:': 'Volby:',
  'Commands:': 'Příkazy:',
  // what is wrong
  "error: required option '{0}' not specified": "chyba: chybí povinná volba '{0}'",
  "error: missing required argument '{0}'": "chyba: chybí povinný argument '{0}'",
  "error: unknown option '{0}'": "chyba: neznámá volba '{0}'",
  "error: unknown command '{0}'": "chyba: neznámý příkaz '{0}'",
  "error: option '{0}' argument missing": "chyba: u volby '{0}' chybí hodnota",
  "error: option '{0}' argument '{1}' is invalid. {2}": "chyba: hodnota '{1}' volby '{0}' je neplatná; {2}",
  "error: command-argument value '{0}' is invalid for argument '{1}'. {2}":
    "chyba: hodnota '{0}' argumentu '{1}' je neplatná; {2}",
  "error: too many arguments for '{0}'. Expected {1} arguments but got {2}.":
    "chyba: příliš mnoho argumentů pro '{0}': očekávají se {1}, zadáno {2}",
  "error: too many arguments for '{0}'. Expected {1} argument but got {2}.":
    "chyba: příliš mnoho argumentů pro '{0}': očekává se {1}, zadáno {2}",
  'error: too many arguments. Expected {0} arguments but got {1}.':
    'chyba: příliš mnoho argumentů: očekávají se {0}, zadáno {1}',
  'error: too many arguments. Expected {0} argument but got {1}.':
    'chyba: příliš mnoho argumentů: očekává se {0}, zadáno {1}',
  '(Did you mean one of {0}?)': '(nemělo to být jedno z {0}?)',
  '(Did you mean {0}?)': '(nemělo to být {0}?)',
  'Allowed choices are {0}.': 'možnosti jsou {0}.',
  'give a date like 2026-03-28.': 'zadejte datum jako 2026-03-28.',
  'give an instant with its offset like 2026-03-28T07:00+01:00 or 2026-03-28T06:00Z.':
    'zadejte okamžik s časovým posunem, např. 2026-03-28T07:00+01:00 nebo 2026-03-28T06:00Z.',
  'give a number like 12.5.': 'zadejte číslo s desetinnou tečkou, např. 12.5.',
  'give a whole number like 60.': 'zadejte celé číslo, např. 60.',
  'give cs or en.': 'zadejte cs nebo en.',
  // common options
  'the site file': 'soubor místa',
  'print JSON': 'vypíše JSON',
  'language: cs or en; from LANG where not given': 'jazyk: cs nebo en; není-li zadán, podle LANG',
  "the point's EIC or EAN": 'kód EIC nebo EAN odběrného místa',
  why: 'proč',
  'who decided': 'kdo rozhodl',
  // the program and its commands
  'Reads gas correctors and electricity meters and proves to the market operator what was used.':
    'Odečítá přepočítávače plynu a elektroměry a operátorovi trhu dokládá spotřebu.',
  'output the version number': 'vypíše číslo verze',
  'display help for command': 'zobrazí nápovědu k příkazu',
  'read the meters, make profiles, send each closed day; runs until stopped':
    'odečítá měřidla, sestavuje profily a odesílá uzavřené dny; běží, dokud se nezastaví',
  'check a site file, its device files, format packs and certificates':
    'zkontroluje soubor místa, soubory zařízení, formátové balíky a certifikáty',
  'what a gateway last said of its lines, devices and messages, or a live table of all sites':
    'co brána naposledy sdělila o linkách, zařízeních a zprávách, nebo živá tabulka všech míst',
  'put values in the place of intervals; the originals stay, the audit log says who and why':
    'zadá náhradní hodnoty intervalů; původní zůstanou, záznam zásahů řekne kdo a proč',
  'combustion heat of gas days': 'spalné teplo plynárenských dnů',
  'write every message and its answer, as they were sent and received':
    'zapíše všechny zprávy a odpovědi tak, jak byly odeslány a přijaty',
  "copy a site's memory and configuration into one file; its gateway may go on running":
    'zkopíruje paměť a nastavení místa do jednoho souboru; brána může dál běžet',
  'after a restore: send days that the operator says it has nothing of, or close those that it has (--delivered)':
    'po obnově: odešle dny, které operátor nemá, nebo uzavře ty, které má (--delivered)',
  'lay out a site from a backup in a new folder; nothing that exists is touched':
    'rozloží místo ze zálohy do nové složky; nic stávajícího se nezmění',
  "a stand-in for the operator's service, for rehearsal; never the real one":
    'náhrada služby operátora pro nácvik; nikdy skutečná',
  'run simulated meters on loopback sockets, for rehearsal': 'spustí simulovaná měřidla pro nácvik',
  'runs a whole imagined site in virtual time, with faults, and proves that no interval is lost or doubled':
    'spustí celé myšlené místo ve virtuálním čase s poruchami a doloží, že se nic neztratilo ani nezdvojilo',
  'decode frames written in hex, one a line or divided by empty lines, or a recording':
    'dekóduje rámce zapsané šestnáctkově, po jednom na řádku nebo oddělené prázdnými řádky, nebo záznam linky',
  "one live reading of a device, to be held against the meter's display; nothing is stored":
    'jeden živý odečet zařízení k porovnání s displejem měřidla; nic se neukládá',
  'find the meters on a line; asks only what changes nothing':
    'najde měřidla na lince; ptá se jen na to, co nic nemění',
  'show what passes on a line, as bytes and as what they mean; sends nothing':
    'ukazuje provoz na lince jako bajty i jejich význam; nic neodesílá',
  'read a device from a recording of its line instead of the line; opens nothing, takes no time':
    'odečte zařízení ze záznamu linky místo z linky',
  'change an M-Bus meter over its line; no other command changes one, and no counter is touched':
    'změní nastavení měřidla M-Bus po lince; žádný jiný příkaz měřidlo nemění a počítadel se to netýká',
  "take the sites' messages from MQTT, send them to the operator, return the answers; runs until stopped":
    'centrála: přebírá zprávy míst z MQTT, odesílá je operátorovi a vrací odpovědi; běží, dokud se nezastaví',
  'ask a site for something over the relay that runs on this machine, and wait for its answer':
    'zadá místu příkaz přes centrálu na tomto stroji a počká na odpověď',
  "make a site's key and its access to the broker, and enter it into the relay's registry":
    'vytvoří klíč místa a jeho přístup ke zprostředkovateli a zapíše ho do rejstříku centrály',
  'look at every record: checksums, numbers without holes, journal against records':
    'projde všechny záznamy: kontrolní součty, úplnost čísel, deník proti záznamům',
  // profile, ledger, trace, audit
  "the intervals of one point's market day": 'intervaly obchodního dne jednoho odběrného místa',
  'the market day, e.g. 2026-03-28': 'obchodní den, např. 2026-03-28',
  'with length, unit and version of each interval; wider than 80 columns':
    'i s délkou, jednotkou a verzí intervalů; širší než 80 sloupců',
  'what became of every interval: accepted, pending, rejected, missing, lost, given up, doubled':
    'co se stalo s každým intervalem: přijato, čeká, odmítnuto, chybí, ztraceno, vyřazeno, dvojmo',
  'one gas day and electricity day, e.g. 2026-03-28': 'jeden den plynu i elektřiny, např. 2026-03-28',
  'the first of several days': 'první z více dnů',
  'the last of them': 'poslední z nich',
  'only this point, by its EIC or EAN': 'jen toto odběrné místo, podle kódu EIC nebo EAN',
  'every interval, not only the counts': 'každý interval, nejen počty',
  "one interval's whole life: readings, versions, messages, attempts, answers":
    'celý život jednoho intervalu: odečty, verze, zprávy, pokusy, odpovědi',
  'an instant in the interval, e.g. 2026-03-28T07:30+01:00': 'okamžik uvnitř intervalu, např. 2026-03-28T07:30+01:00',
  'what people decided and what a centre commanded, with a check of the chain of hashes':
    'co rozhodli lidé a co přikázala centrála, s kontrolou řetězce otisků',
  // substitute, heat, export
  'start of the first interval, e.g. 2026-03-28T07:00+01:00': 'začátek prvního intervalu, např. 2026-03-28T07:00+01:00',
  'end of the last interval': 'konec posledního intervalu',
  'the value of each interval, m3 or kWh': 'hodnota každého intervalu, m3 nebo kWh',
  'a value for each interval: start;value with a heading, starts with their offset':
    'hodnota pro každý interval: start;value se záhlavím, začátky s časovým posunem',
  'where a point has several': 'má-li odběrné místo více veličin',
  'take over combustion heat from a CSV file (day;kWhPerM3); a running gateway follows within a minute':
    'převezme spalné teplo ze souboru CSV (day;kWhPerM3); běžící brána se přizpůsobí do minuty',
  'gas days like 2026-03-28 and kWh/m3, with a heading': 'plynárenské dny jako 2026-03-28 a kWh/m3, se záhlavím',
  'where messages/ and answers/ are written': 'kam se zapíše messages/ a answers/',
  // backup, restore, release
  'the backup': 'záloha',
  'a new file': 'nový soubor',
  'a folder that is new or empty': 'nová nebo prázdná složka',
  'leave out keys and certificates, which may be only on the gateway':
    'vynechá klíče a certifikáty, které mohou být jen na bráně',
  'market days, e.g. 2026-03-28': 'obchodní dny, např. 2026-03-28',
  'only this one of the days': 'z těchto dnů jen tato komodita',
  'encrypt, and bring keys and passwords along; without it they are left out':
    'zašifruje zálohu a přibalí klíče a hesla; jinak v ní nejsou',
  'where the store goes, new or empty; without it where the site file says':
    'kam přijde úložiště, nová nebo prázdná složka; bez volby tam, kam říká soubor místa',
  'what the backup was encrypted with': 'čím byla záloha zašifrována',
  'vital.log of the machine it came from: what was sent after the backup is then known too':
    'vital.log původního stroje: pak je známo i to, co bylo odesláno po záloze',
  'the operator has the days: close their messages as accepted and never send them':
    'operátor tyto dny má: jejich zprávy se uzavřou jako přijaté a neodešlou se',
  'how that is known; with --delivered it is needed': 'jak se to ví; s --delivered povinné',
  'who decided; with --delivered it is needed (default: this user)':
    'kdo rozhodl; s --delivered povinné (výchozí: tento uživatel)',
  'who imports it, for the audit log (default: this user)': 'kdo načítá, do záznamu zásahů (výchozí: tento uživatel)',
  'who does it, for the audit log (default: this user)': 'kdo obnovuje, do záznamu zásahů (výchozí: tento uživatel)',
  // read, scan, listen, replay, status
  'its id in the site file': 'jeho označení v souboru místa',
  'the bytes behind each value, and everything that passed on the line':
    'bajty za každou hodnotou a vše, co prošlo linkou',
  'the bytes behind each value, and everything that passed': 'bajty za každou hodnotou a vše, co prošlo',
  'keep it as a recording, for `odecet decode` and `odecet replay`':
    'uloží záznam pro `odecet decode` a `odecet replay`',
  'keep what passed as a recording, for `odecet decode` and `odecet replay`':
    'uloží provoz jako záznam pro `odecet decode` a `odecet replay`',
  'what `odecet listen --out` or `odecet read --out` kept': 'co uložil `odecet listen --out` nebo `odecet read --out`',
  'stop after so long (until stopped unless given)': 'skončí po této době (jinak běží, dokud se nezastaví)',
  'one site, on its own machine': 'jedno místo, na jeho stroji',
  'all sites, over MQTT': 'všechna místa, přes MQTT',
  'print the table once': 'vypíše tabulku jednou',
};

import type { Translations } from '../core/say.ts';

/**
 * Details of failures that people meet at these commands, in Czech; the values as {0}, {1}, ... The first that fits counts. Keys
 * of files, codes and names stay as they are.
 */
export const DETAILS_CZECH: Translations = {
  // points, days, options
  'the site has no point "{0}"; it has {1} (did you mean "{2}"?)':
    'místo nemá odběrné místo "{0}"; má {1} (nemělo to být "{2}"?)',
  'the site has no point "{0}"; it has {1}': 'místo nemá odběrné místo "{0}"; má {1}',
  'give either --value or --file': 'zadejte buď --value, nebo --file',
  'give either --day, or --from and --to with --from not after --to':
    'zadejte buď --day, nebo --from a --to, přičemž --from nesmí být po --to',
  '{0} days are too many at once; ask for {1} at most': '{0} dní je najednou příliš mnoho; zadejte nejvýše {1}',
  'about {0} intervals are too many to be listed at once; ask for fewer days, or for one point with --point':
    'vypsat najednou asi {0} intervalů je příliš; zadejte méně dní, nebo jedno odběrné místo volbou --point',
  '"{0}" is no day; expected one like 2026-03-28': '"{0}" není den; očekává se např. 2026-03-28',
  // substitute
  'a reason and a name are needed': 'je třeba uvést důvod a jméno',
  '{0} at {1} is beyond 120 % of the connected capacity': '{0} v {1} přesahuje 120 % připojené kapacity',
  '{0} at {1} is negative': '{0} v {1} je záporné číslo',
  '{0} at {1} has more than {2} decimals': '{0} v {1} má více než {2} desetinných míst',
  'no value for {0}': 'pro {0} chybí hodnota',
  '{0} has no channel "{1}" that can be entered; it has {2}': '{0} nemá veličinu "{1}", kterou by šlo zadat; má {2}',
  'say which channel of {0}: {1}': 'uveďte, kterou veličinu {0} zadáváte (--channel): {1}',
  '{0} of the values are for no interval of {1} to {2}: {3}; take them out, or widen the span':
    'hodnoty, které nepatří do žádného intervalu od {1} do {2} (celkem {0}): {3}; odstraňte je, nebo období rozšiřte',
  '{0} to {1} ends before it begins': 'období od {0} do {1} končí dříve, než začíná',
  '{0} is before {1}, the first day that {2} is answered for': '{0} je před {1}, prvním dnem, za který se {2} vykazuje',
  '{0} to {1} is not over yet': 'období od {0} do {1} ještě neskončilo',
  '{0} to {1} is not whole intervals of {2} minutes': 'období od {0} do {1} nejsou celé intervaly po {2} minutách',
  // files of values
  '{0}: {1}; expected a heading start;value and a line for each interval':
    '{0}: {1}; očekává se záhlaví start;value a řádek pro každý interval',
  'there is no value in it': 'není v něm žádná hodnota',
  'line {0}: {1} stands there twice': 'řádek {0}: {1} je v souboru dvakrát',
  'the heading has the column "{0}" twice': 'sloupec "{0}" je v záhlaví dvakrát',
  'line {0} has no start or no value': 'na řádku {0} chybí start nebo value',
  'line {0}: found "{1}" and "{2}", expected an instant with its offset like 2026-03-28T07:00+01:00, and a number':
    'řádek {0}: je zde "{1}" a "{2}", očekává se okamžik s časovým posunem, např. 2026-03-28T07:00+01:00, a číslo',
  'line {0} has not as many cells as the heading; where numbers have a decimal comma, semicolons divide':
    'řádek {0} má jiný počet sloupců než záhlaví; jsou-li v číslech desetinné čárky, oddělují se sloupce středníkem',
  'this is no text; save the table as CSV': 'toto není text; uložte tabulku jako CSV',
  'ENOENT: no such file or directory, {0}': 'soubor neexistuje ({0})',
  'EACCES: permission denied, {0}': 'k souboru není oprávnění ({0})',
  'EISDIR: illegal operation on a directory, {0}': 'to je složka, ne soubor ({0})',
  // heat
  '{0}: "{1}" is no combustion heat in kWh/m3; expected 5 to 15':
    '{0}: "{1}" není spalné teplo v kWh/m3; očekává se 5 až 15',
  '{0}: "{1}" is no gas day; expected a date like 2026-03-28':
    '{0}: "{1}" není plynárenský den; očekává se datum jako 2026-03-28',
  '{0}: {1} stands here twice with different values': '{0}: {1} je zde dvakrát s různými hodnotami',
  '{0}: expected the columns "{1}" and "{2}"': '{0}: očekávají se sloupce "{1}" a "{2}"',
  '{0} names no day; expected a heading day;kWhPerM3 and a line for each gas day':
    '{0} neuvádí žádný den; očekává se záhlaví day;kWhPerM3 a řádek pro každý plynárenský den',
  '{0} cannot be read: {1}': '{0} nelze přečíst: {1}',
  // days after a restore
  'no day of this gateway was ever held: it was not restored from a backup':
    'žádný den této brány nebyl pozastaven: nebyla obnovena ze zálohy',
  'no message of {0} is held: it was not made yet, was closed, or was released; odecet status shows what waits':
    'žádná zpráva za {0} není pozastavena: ještě nevznikla, byla uzavřena nebo uvolněna; co čeká, ukáže odecet status',
  // site and store
  '{0}: no gateway has run with {1} yet; start one, or correct storage.folder':
    '{0}: s {1} ještě žádná brána neběžela; spusťte ji, nebo opravte storage.folder',
  '{0}: no store here; is the disk mounted? A new one is made only at the first install':
    '{0}: úložiště zde není; je disk připojen? Nové vzniká jen při první instalaci',
  '{0}: {1}; give the path of a site file': '{0}: {1}; zadejte cestu k souboru místa',
  '{0}: {1}; give the name of a new file': '{0}: {1}; zadejte jméno nového souboru',
  '{0} is refused: {1}; bring vital.log of the machine that the backup is of, as it was at its end, or restore without --vital':
    '{0} nelze použít: {1}; použijte vital.log stroje, ze kterého je záloha, v podobě při jeho konci, nebo obnovte bez --vital',
  'nothing in it can be read as the second copy of a gateway': 'nic v něm nelze přečíst jako druhou kopii brány',
  'it is of {0}, the backup of {1}': 'patří jinam ({0}) než záloha ({1})',
  'site "{0}", installed {1}': 'místo "{0}", nainstalováno {1}',
  'it is of another gateway: its {0} is not that of the backup':
    'patří jiné bráně: záznam {0} v něm není ten, který je v záloze',
  'nothing tells that it is of the gateway that the backup is of: no message is in both':
    'nic neukazuje, že patří bráně, ze které je záloha: žádná zpráva není v obou',
  'it ends before the backup was taken: {0}': 'končí dříve, než vznikla záloha: {0}',
  '{0} cannot be used: {1}; name another folder': '{0} nelze použít: {1}; zadejte jinou složku',
  'it is no file': 'není to soubor',
  '{0} of its lines are damaged': 'poškozených řádků: {0}',
  'its last line is cut off': 'poslední řádek je uříznutý',
  'it ends where the backup was taken': 'končí tam, kde vznikla záloha',
  'its machine held days itself, restored on {0}': 'jeho stroj sám zadržoval dny od obnovy {0}',
  'its machine held days itself, since damage that was found on {0}':
    'jeho stroj sám zadržoval dny od poškození zjištěného {0}',
  '{0} is not empty; a restore needs a new folder': '{0} není prázdná; obnova potřebuje novou složku',
  '{0} has no device "{1}"; it has {2} (did you mean "{3}"?)': '{0} nemá zařízení "{1}"; má {2} (nemělo to být "{3}"?)',
  '{0} has no device "{1}"; it has {2}': '{0} nemá zařízení "{1}"; má {2}',
  '{0} has no line "{1}"; it has {2} (did you mean "{3}"?)': '{0} nemá linku "{1}"; má {2} (nemělo to být "{3}"?)',
  '{0} has no line "{1}"; it has {2}': '{0} nemá linku "{1}"; má {2}',
  'name a site with --config or a broker with --broker':
    'uveďte místo volbou --config, nebo zprostředkovatele volbou --broker',
  // days that are not complete
  'point {0}, {1}: {2} intervals were there and are lost, the first of {3}; what was told of one: odecet trace {4} {5}; to enter it again: odecet substitute':
    'odběrné místo {0}, {1}: {2} intervalů zde bylo a je ztraceno, první od {3}; co o některém bylo sděleno: odecet trace {4} {5}; zadat znovu: odecet substitute',
  "point {0}: {1} of {2} hours have no energy; give the gas day's combustion heat in the site file of {3}, or import it: odecet heat import":
    'odběrné místo {0}: {1} z {2} hodin nemá energii; uveďte spalné teplo plynárenského dne v souboru místa {3}, nebo jej načtěte: odecet heat import',
  'point {0}, {1}: {2}; {3}': 'odběrné místo {0}, {1}: {2}; {3}',
  'point {0}, {1}: {2}': 'odběrné místo {0}, {1}: {2}',
  '{0} of {1} intervals are missing ({2})': 'chybí {0} z {1} intervalů ({2})',
  '{0}: meter {1}, seen last {2}, was exchanged for {3}, seen first {4}':
    '{0}: měřidlo {1}, naposledy viděné {2}, bylo vyměněno za {3}, poprvé viděné {4}',
  // audit
  'the entry cannot be read': 'záznam nelze přečíst',
  'its hash fits neither its text nor the entry before': 'otisk nesouhlasí s textem ani s předchozím záznamem',
  'entries {0} to {1} are not there': 'záznamy {0} až {1} chybějí',
  // places in files
  '{0}, line {1}': '{0}, řádek {1}',
};

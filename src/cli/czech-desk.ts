import type { Translations } from '../core/say.ts';

/** What the commands about profiles, the ledger and editing say, in Czech. */
export const CZECH_DESK: Translations = {
  // tables
  start: 'začátek',
  minutes: 'minut',
  channel: 'veličina',
  quality: 'kvalita',
  version: 'verze',
  findings: 'nálezy',
  messages: 'zprávy',
  told: 'sděleno',
  before: 'předtím',
  expected: 'má být',
  pending: 'čeká',
  missing: 'chybí',
  lost: 'ztraceno',
  'given\nup': 'vy-\nřazeno',
  'given-up': 'vyřazeno',
  doubled: 'dvojmo',
  all: 'celkem',
  // qualities and channels
  measured: 'měřeno',
  flagged: 's příznakem',
  computed: 'dopočteno',
  estimated: 'odhad',
  substituted: 'náhradní',
  volume: 'objem',
  energy: 'energie',
  import: 'odběr',
  export: 'dodávka',
  // profile
  '{0}: sum {1} {2}': '{0}: součet {1} {2}',
  '{0} missing': '{0} chybí',
  // ledger
  '{0} is answered for since {1}; nothing is expected before': 'za {0} se odpovídá od {1}; dříve se nic neočekává',
  'answered for since {0}, nothing is expected before: {1}': 'odpovídá se od {0}, dříve se nic neočekává: {1}',
  'not yet due, and not expected: {0} intervals that are not over':
    'dosud se neočekává: intervaly, které ještě neskončily: {0}',
  'given up: they were accepted, and went for their age (storage.retention in the site file)':
    'vyřazeno: byly přijaty a odstraněny pro stáří (storage.retention v souboru místa)',
  // trace
  '{0} {1} to {2}': '{0} {1} až {2}',
  'it is not over yet': 'interval ještě neskončil',
  DOUBLED: 'DVOJMO',
  'not expected': 'neočekává se',
  'no interval was made': 'interval nebyl sestaven',
  'it was accepted, and went for its age with the messages that told it, by {0}':
    'byl přijat a pro stáří odstraněn i se svými zprávami, nejpozději {0}',
  'decided by {0}: {1} (audit {2}, {3})': 'rozhodl(a) {0}: {1} (záznam {2}, {3})',
  'in no message': 'v žádné zprávě',
  'no value': 'bez hodnoty',
  'version {0}: {1}, {2}{3}, made {4}': 'verze {0}: {1}, {2}{3}, vznik {4}',
  'version {0}: its record cannot be read; told was: {1}': 'verze {0}: záznam nelze přečíst; sděleno bylo: {1}',
  from: 'od',
  to: 'do',
  stored: 'uloženo měřidlem',
  sampled: 'odečteno',
  interpolated: 'mezi odečty',
  CONTRADICTS: 'V ROZPORU',
  '{0}: meter {1}, seen last {2}, was exchanged for {3}, seen first {4}':
    '{0}: měřidlo {1}, naposledy viděné {2}, bylo vyměněno za {3}, poprvé viděné {4}',
  'meter {0}': 'měřidlo {0}',
  '{0}, read {1}, bytes {2}': '{0}, čteno {1}, bajty {2}',
  'corrects {0}': 'opravuje {0}',
  unreadable: 'nečitelné',
  'message {0}: {1}, {2}, made {3}{4}': 'zpráva {0}: {1}, {2}, vznik {3}{4}',
  prepared: 'připravena',
  superseded: 'nahrazena',
  'attempt {0} {1}: {2}': 'pokus {0} {1}: {2}',
  'not-sent': 'neodesláno',
  'no-answer': 'bez odpovědi',
  fault: 'chyba služby',
  answered: 'zodpovězeno',
  'released, with those before: {0}': 'uvolněno, včetně dřívějších: {0}',
  'closed as delivered: {0}': 'uzavřeno jako doručené: {0}',
  'no answer': 'bez odpovědi',
  'times the multiplier {0}': 'krát násobitel {0}',
  'operating volume converted with p {0} kPa ({1}), t {2} °C ({3}), K {4} ({5})':
    'provozní objem přepočten s p {0} kPa ({1}), t {2} °C ({3}), K {4} ({5})',
  'as the site file states': 'podle souboru místa',
  'mean of {0} readings': 'průměr čtení: {0}',
  fixed: 'pevné K',
  'sgerg-88': 'SGERG-88',
  'to base conditions of {0} kPa and {1} °C': 'na vztažné podmínky {0} kPa a {1} °C',
  'of a gas with {0} MJ/m3, relative density {1}, CO2 {2}, H2 {3}':
    'plyn: {0} MJ/m3, relativní hustota {1}, CO2 {2}, H2 {3}',
  'with a combustion heat of {0} kWh/m3': 'se spalným teplem {0} kWh/m3',
  'answer {0}: {1}': 'odpověď {0}: {1}',
  // audit
  'entry {0}, hash {1}': 'záznam {0}, otisk {1}',
  'cannot be read': 'nelze přečíst',
  '{0} {1}, {2} intervals from {3} to {4}': '{0} {1}, počet intervalů {2}, od {3} do {4}',
  'put back as entry {0} has it: the record was lost': 'obnoveno podle záznamu {0}: uložená hodnota byla ztracena',
  '{0}: message {1}': '{0}: zpráva {1}',
  '{0} entries, the chain is whole; last hash {1}': 'záznamů: {0}, řetězec je úplný; poslední otisk {1}',
  substitute: 'náhradní hodnoty',
  delivered: 'doručeno již dříve',
  released: 'uvolněno k odeslání',
  heat: 'spalné teplo',
  restored: 'obnoveno ze zálohy',
  held: 'zadrženo pro poškození',
  'site-file': 'jiný soubor místa',
  '{0}, taken {1}': '{0}, pořízeno {1}',
  'days that were over by then wait for a person': 'dny, které tehdy již skončily, čekají na člověka',
  command: 'příkaz centrály',
  answer: 'odpověď na příkaz',
  stranger: 'cizí zpráva',
  // substitute
  '{0} of them had been entered by a person before; odecet audit says by whom and why':
    'z toho již dříve zadáno člověkem: {0}; kým a proč, řekne odecet audit',
  'audit entry {0}, hash {1}': 'záznam zásahů {0}, otisk {1}',
  // heat
  '{0} days added, {1} changed; {2} days are known by import':
    'přidané dny: {0}, změněné: {1}; importem známé dny: {2}',
  'without effect for {0}: combustionHeat: in {1} states another value, which goes first; correct it there':
    'bez účinku pro {0}: combustionHeat: v {1} uvádí jinou hodnotu a má přednost; opravte ji tam',
  'kept; but a day more than {0} back that was sent is not corrected by itself: {1}. To correct one, enter its volumes with odecet substitute, which makes its energy of this heat':
    'uloženo; den starší než {0} dní, který byl odeslán, se však sám neopraví: {1}. K opravě zadejte jeho objemy příkazem odecet substitute, energie se z tohoto tepla dopočte',
  'not begun yet: {0}; is the date right?': 'ještě nezačalo: {0}; je datum správně?',
  // export, verify
  '{0} messages, {1} of them rejected, in {2}': 'zprávy: {0}, z toho odmítnuté: {1}, ve složce {2}',
  '{0} records, {1} journal entries, {2} losses known from before: {3}':
    'záznamy: {0}, položky deníků: {1}, dříve známé ztráty: {2}: {3}',
  clean: 'v pořádku',
  'NOT clean': 'NENÍ v pořádku',
};

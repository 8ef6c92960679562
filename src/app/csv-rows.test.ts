import { expect, it } from 'vitest';
import { csvRows, csvText } from './csv-rows.ts';

const valuesIn = (text: string) => csvRows(text).map((row) => [row.line, row.cell('start'), row.number('value')]);

it.each([
  ['semicolons and decimal commas', 'start;value\n a ; 1,5 \n', '1.5'],
  ['tabulators and decimal commas', 'start\tvalue\na\t1,5\n', '1.5'],
  ['commas and points', 'start,value\na,1.5\n', '1.5'],
  ['a mark before the heading, in capitals', '\ufeffStart;VALUE\r\na;1,5\r\n', '1.5'],
  ['spaces between thousands', 'start;value\na;1\u00a0234 567,5\n', '1234567.5'],
  ['spaces that divide no thousands', 'start;value\na;12 34\n', '12 34'],
])('a table with %s', (_, text, value) => {
  expect(valuesIn(text)).toEqual([[2, 'a', value]]);
});

it('empty lines count as lines, and are none', () => {
  expect(valuesIn('start;value\n\n;\na;1\n').map(([line]) => line)).toEqual([4]);
  expect(valuesIn('')).toEqual([]);
  expect(valuesIn('\n\nstart;value\na;1\n')).toEqual([[4, 'a', '1']]);
});

it('a row with more or fewer cells than the heading is named', () => {
  expect(() => csvRows('start,value\na,1,5\n')).toThrow('line 2 has not as many cells as the heading; where numbers');
});

it('a column that stands there twice is named, one without a name is none', () => {
  expect(() => csvRows('start;value;Value\na;10,5;20,5\n')).toThrow('the heading has the column "value" twice');
  expect(valuesIn('start;value;;\na;1;;\n')).toEqual([[2, 'a', '1']]);
});

it('an old spreadsheet writes its own code page, another UTF-16', () => {
  // "spalné" as Windows-1250 has it
  expect(csvText(Uint8Array.of(0x73, 0x70, 0x61, 0x6c, 0x6e, 0xe9))).toBe('spalné');
  expect(csvText(Uint8Array.of(0xff, 0xfe, 0x61, 0x00))).toBe('a');
  expect(csvText(new TextEncoder().encode('spalné'))).toBe('spalné');
  expect(() => csvText(Uint8Array.of(0x50, 0x4b, 0x00, 0x03))).toThrow('save the table as CSV');
});

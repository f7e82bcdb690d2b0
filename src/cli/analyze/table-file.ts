/** CSV and JSON files as rows of text cells, each with the place that messages name. Pure. */
import { SerinError } from '../../errors.ts';

export interface Row {
  /** `shop.csv line 3`, `shop.json row 3`. */
  readonly where: string;
  /** By column, in lower case. A cell that is missing or null is empty. */
  readonly cells: ReadonlyMap<string, string>;
  /** How one writes that there is no data. */
  readonly nothing: string;
}

export interface Table {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** A wrong input: nothing was judged. */
export function wrongInput(message: string): SerinError {
  return new SerinError('SERIN_E_USAGE', message);
}

/** RFC 4180 with a header line; `;` and tab separate too, `#` begins a comment line, empty lines are left out. */
export function readCsv(text: string, file: string): Table {
  const lines = linesOf(text.replace(/^\uFEFF/, ''));
  const [header, ...rest] = lines;
  if (header === undefined)
    throw wrongInput(`${file} is empty. Write a header line such as time,arm,total,bad and one line per interval.`);
  const separator = [',', ';', '\t'].find((candidate) => header.text.includes(candidate)) ?? ',';
  const columns = cellsOf(header, separator, file).map((name) => name.trim().toLowerCase());
  if (columns.some((name) => name !== '' && Number.isFinite(Number(name)))) {
    throw wrongInput(
      `${file} line ${header.line} has numbers where the names of the columns belong. Add a header line such as time,arm,total,bad.`,
    );
  }
  refuseTwins(columns, `${file} line ${header.line}`);
  const rows = rest.map((line): Row => {
    const cells = cellsOf(line, separator, file);
    const where = `${file} line ${line.line}`;
    if (cells.length !== columns.length) {
      throw wrongInput(
        `${where} has ${cells.length} cells, the header has ${columns.length}. Give each column a cell; an empty one means no data.`,
      );
    }
    return {
      where,
      cells: new Map(columns.map((name, k) => [name, (cells[k] ?? '').trim()])),
      nothing: 'leave the cell empty',
    };
  });
  return { file, columns, rows };
}

/** A list of objects, or an object with such a list under `rows`. */
export function readJson(text: string, file: string): Table {
  if (text.trim() === '') throw wrongInput(`${file} is empty. Write a list of objects with time, arm, total and bad.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.slice(0, 200) : '';
    throw wrongInput(`${file} is no JSON: ${said}. JSON has no NaN; write null where there is no data.`);
  }
  const list = isRecord(parsed) ? parsed['rows'] : parsed;
  if (!Array.isArray(list))
    throw wrongInput(`${file} is no list of objects. Write [{"time": …, "arm": "canary", "total": …, "bad": …}, …].`);
  const rows = list.map((entry: unknown, k): Row => {
    const where = `${file} row ${k + 1}`;
    if (!isRecord(entry))
      throw wrongInput(`${where} is no object. Write {"time": …, "arm": "canary", "total": …, "bad": …}.`);
    const cells = Object.entries(entry).map(
      ([name, value]) => [name.toLowerCase(), cellOf(value, `${where} column ${name}`)] as const,
    );
    refuseTwins(
      cells.map(([name]) => name),
      where,
    );
    return { where, cells: new Map(cells), nothing: 'write null' };
  });
  return { file, columns: [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))], rows };
}

interface Line {
  readonly line: number;
  readonly text: string;
}

/** Logical lines: a quoted cell may hold line breaks. */
function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  let open: Line | undefined;
  for (const [k, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const joined: Line =
      open === undefined ? { line: k + 1, text: raw } : { line: open.line, text: `${open.text}\n${raw}` };
    if (open === undefined && (raw.trim() === '' || raw.startsWith('#'))) continue;
    const isOpen = (joined.text.match(/"/g)?.length ?? 0) % 2 === 1;
    open = isOpen ? joined : undefined;
    if (!isOpen) lines.push(joined);
  }
  return open === undefined ? lines : [...lines, open];
}

function cellsOf({ line, text }: Line, separator: string, file: string): readonly string[] {
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"' && isQuoted && text[at + 1] === '"') {
      cell += '"';
      at++;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      cells.push(cell);
      cell = '';
    } else cell += character;
  }
  if (isQuoted)
    throw wrongInput(
      `${file} line ${line} opens a quote that is never closed. Close it, or write "" for a quote inside a cell.`,
    );
  return [...cells, cell];
}

function cellOf(value: unknown, where: string): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'number') return String(value);
  throw wrongInput(
    `${where} is ${typeof value === 'boolean' ? String(value) : 'a list or an object'}. Write a number, a text or null.`,
  );
}

function refuseTwins(columns: readonly string[], where: string): void {
  const twin = columns.find((name, k) => columns.indexOf(name) !== k);
  if (twin !== undefined) throw wrongInput(`${where} names column ${twin} twice. Remove or rename one.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

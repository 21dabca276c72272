/** RDF/XML of CIM (IEC 61970-552) as objects with places; what several files say of one object comes together. */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { InvalidInputError, type Problem } from '../../problem.ts';
import type { GridDraft } from '../draft.ts';
import type { SourceFile } from '../imported-grid.ts';

export interface RdfPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A property of an object: a text, or the id of the object (or the name of the enumeration value) that it refers to. */
export interface RdfProperty {
  readonly text: string;
  readonly isReference: boolean;
  readonly place: RdfPlace;
}

export interface RdfObject {
  readonly id: string;
  /** Without prefix, for example `ACLineSegment`. */
  readonly className: string;
  readonly place: RdfPlace;
  /** By name without prefix, for example `ACLineSegment.r`. */
  readonly properties: Map<string, RdfProperty[]>;
}

/** RDF of CIM has three levels: the document, objects, properties. */
const MAX_DEPTH = 20;

/**
 * All objects of the files by id, in the order of the files. A file that is no sound XML throws InvalidInputError;
 * document types and with them entities are refused, so nothing can grow beyond what stands in the file.
 */
export function readRdf(files: readonly SourceFile[], draft: GridDraft): ReadonlyMap<string, RdfObject> {
  const objects = new Map<string, RdfObject>();
  for (const file of files) readFile(file, objects, draft);
  return objects;
}

function readFile(file: SourceFile, objects: Map<string, RdfObject>, draft: GridDraft): void {
  const parser = new SaxesParser({ xmlns: false, fileName: file.name } as const);
  let here: RdfPlace = { file: file.name, line: 1, column: 1 };
  const fail = (message: string, place = here): never => {
    const problem: Problem = { file: place.file, path: '', line: place.line, column: place.column, message };
    throw new InvalidInputError([problem]);
  };
  const position = (): RdfPlace => ({ file: file.name, line: parser.line, column: parser.columnIndex + 1 });
  let depth = 0;
  let object: RdfObject | undefined;
  let property: { name: string; text: string; reference: string | undefined; place: RdfPlace } | undefined;

  parser.on('error', (error) => {
    const reason = error.message.replace(/^[^:]*:\d+:\d+: /, '');
    fail(`is not sound XML: ${reason}`, position());
  });
  parser.on('doctype', () => fail('has a document type declaration: entities are refused', position()));
  parser.on('opentagstart', () => {
    here = position();
  });
  parser.on('opentag', (tag: SaxesTagPlain) => {
    depth++;
    if (depth > MAX_DEPTH) fail(`is nested deeper than ${MAX_DEPTH} levels`);
    const name = localName(tag.name);
    if (depth === 1 && name !== 'RDF') fail(`is no CIM: its root is <${tag.name.slice(0, 40)}>`);
    if (depth === 2) object = openObject(tag, name, here, objects, draft);
    if (depth === 3) property = { name, text: '', reference: attribute(tag, 'resource'), place: here };
  });
  parser.on('text', (text) => {
    if (depth === 3 && property !== undefined) property.text += text;
  });
  parser.on('cdata', (text) => {
    if (depth === 3 && property !== undefined) property.text += text;
  });
  parser.on('closetag', () => {
    if (depth === 3 && property !== undefined && object !== undefined) {
      const { name, text, reference, place } = property;
      const value = {
        text: reference === undefined ? text.trim() : idOf(reference),
        isReference: reference !== undefined,
        place,
      };
      const values = object.properties.get(name) ?? [];
      object.properties.set(name, values);
      values.push(value);
    }
    if (depth === 3) property = undefined;
    if (depth === 2) object = undefined;
    depth--;
  });
  parser.write(file.text);
  parser.close();
}

/** A new object, or more about one that another file defines. */
function openObject(
  tag: SaxesTagPlain,
  className: string,
  place: RdfPlace,
  objects: Map<string, RdfObject>,
  draft: GridDraft,
): RdfObject | undefined {
  const defined = attribute(tag, 'ID');
  const about = attribute(tag, 'about');
  const name = defined ?? about;
  if (name === undefined || name === '') {
    draft.fault(`a ${className} has neither rdf:ID nor rdf:about`, { ...place, path: className });
    return undefined;
  }
  const id = idOf(name);
  const known = objects.get(id);
  if (known === undefined) {
    const created = { id, className, place, properties: new Map<string, RdfProperty[]>() };
    objects.set(id, created);
    if (defined !== undefined) definitions.add(created);
    return created;
  }
  if (defined === undefined) return known;
  if (definitions.has(known)) {
    const before = `before at ${known.place.file}:${known.place.line}`;
    draft.fault(`${className} "${id}" is defined twice, ${before}`, { ...place, path: id });
    return undefined;
  }
  // A file read earlier told more about what is defined here.
  const whole = { id, className, place, properties: known.properties };
  objects.set(id, whole);
  definitions.add(whole);
  return whole;
}

/** What is defined (rdf:ID), as opposed to only told more about (rdf:about). */
const definitions = new WeakSet<RdfObject>();

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** An attribute by its name without prefix. */
function attribute(tag: SaxesTagPlain, name: string): string | undefined {
  const key = Object.keys(tag.attributes).find((one) => localName(one) === name);
  return key === undefined ? undefined : tag.attributes[key];
}

/** `#_x`, `_x` and `urn:uuid:x` are one id; of an enumeration value the part behind the last `#` is left. */
function idOf(reference: string): string {
  const uuid = /^urn:uuid:(.+)$/.exec(reference)?.[1];
  if (uuid !== undefined) return `_${uuid}`;
  return reference.slice(reference.lastIndexOf('#') + 1);
}

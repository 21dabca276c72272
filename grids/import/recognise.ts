/** What a text is, told by its content and never by its name. */
import type { GridFormat } from './imported-grid.ts';

/** Text, `measurements` for a native MEASUREMENTS file, or why it is nothing that can be read. */
export type Recognised = { readonly format: GridFormat | 'measurements' } | { readonly reason: string };

/** Enough for the first keys of any JSON and the root of any XML. */
const HEAD = 65_536;

export function recognise(text: string): Recognised {
  const head = text.slice(0, HEAD).replace(/^\uFEFF/, '');
  const start = head.trimStart();
  if (start === '') return { reason: 'is empty' };
  if (start.startsWith('PK\u0003\u0004')) return { reason: 'is a zip archive: unpack it and name the folder' };
  if (start.startsWith('\u001F\uFFFD')) return { reason: 'is compressed by gzip: unpack it first' };
  if (head.includes('\0')) return { reason: 'is no text file' };
  if (start.startsWith('<')) return recogniseXml(start);
  if (start.startsWith('{') || start.startsWith('[')) return recogniseJson(head, text);
  // Comments of any length may stand before the first statement.
  if (/^[ \t]*(?:function\b|mpc\.\w+[ \t]*=|(?:\w+\.)?(?:baseMVA|bus)[ \t]*=)/m.test(text))
    return { format: 'matpower' };
  return { reason: 'is no grid that is known: neither JSON, nor CIM/CGMES XML, nor a MATPOWER case' };
}

function recogniseXml(head: string): Recognised {
  if (/<(?:\w+:)?RDF[\s>]/.test(head)) return { format: 'cim' };
  if (/<html[\s>]/i.test(head))
    return { reason: 'is a web page, not a grid: was the download answered with an error?' };
  return { reason: 'is XML, but not CIM/CGMES: its root is no rdf:RDF' };
}

/** Keys that only one format has; a key may stand anywhere in its object, so the whole text counts in the end. */
function recogniseJson(head: string, text: string): Recognised {
  const key = (name: string, where: string): boolean => new RegExp(`"${name}"\\s*:`).test(where);
  for (const where of [head, text]) {
    if (/"_class"\s*:\s*"pandapowerNet"|"_module"\s*:\s*"pandapower/.test(where)) return { format: 'pandapower' };
    if (key('representation', where) || key('nominalVoltageV', where)) return { format: 'native' };
    if (key('is_batch', where) || key('u_rated', where)) return { format: 'power-grid-model' };
    if (key('buses', where)) return { format: 'native' };
    if (key('measurements', where)) return { format: 'measurements' };
  }
  if (key('bus', text) && key('vn_kv', text)) return { format: 'pandapower' };
  if (key('data', text) && key('node', text)) return { format: 'power-grid-model' };
  const known = 'a native grid document, pandapower or power-grid-model';
  return { reason: `is JSON, but no grid that is known: ${known}` };
}

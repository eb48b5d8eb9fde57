/** What the model can look at, by the first bytes: what a server or a site calls it proves nothing. */

const KINDS = [
  { mime: 'image/png', ending: 'png', begins: '\x89PNG\r\n' },
  { mime: 'image/jpeg', ending: 'jpg', begins: '\xff\xd8\xff' },
  { mime: 'image/gif', ending: 'gif', begins: 'GIF8' },
  { mime: 'image/webp', ending: 'webp', begins: 'RIFF' },
  { mime: 'application/pdf', ending: 'pdf', begins: '%PDF-' },
];

export function kindOf(bytes: Uint8Array): { mime: string; ending: string } | undefined {
  const first = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return KINDS.find(
    ({ begins, mime }) => first.startsWith(begins) && (mime !== 'image/webp' || first.endsWith('WEBP')),
  );
}

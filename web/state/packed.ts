/*
 * Bytes as a part of a link: compressed with deflate, in base64url. Links come from anybody, so what they unpack to is
 * bounded.
 */

/** Bytes that a link may unpack to: a machine of some thousand functions. */
const MOST_BYTES = 32 * 2 ** 20;

/** Bytes as text for a link. */
export async function packed(bytes: Uint8Array): Promise<string> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const small = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = "";
  for (let at = 0; at < small.length; at += 0x8000) binary += String.fromCharCode(...small.subarray(at, at + 0x8000));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The bytes of {@link packed}; `null` for a text that is none, or unpacks to more than 32 MiB. */
export async function unpacked(text: string): Promise<Uint8Array | null> {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const small = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const reader = new Blob([small]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > MOST_BYTES) {
        await reader.cancel();
        return null;
      }
      parts.push(value);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  } catch {
    return null;
  }
}

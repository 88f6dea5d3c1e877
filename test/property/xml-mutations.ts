import fc from "fast-check";

/** One damage to a text, at a place given as a part of its length. */
interface Damage {
  readonly kind: "cut" | "drop" | "repeat" | "insert" | "digit";
  readonly at: number;
  readonly length: number;
  readonly insertion: string;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom("cut", "drop", "repeat", "insert", "digit", "digit", "digit"),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.nat({ max: 60 }),
  insertion: fc.oneof(
    fc.constantFrom(
      "<",
      ">",
      "/>",
      '"',
      "&",
      "&amp;",
      "<!--",
      "<![CDATA[",
      "]]>",
      "<!DOCTYPE x [",
      "\0",
      "\uFFFD",
      "\r",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  ),
});

/** Texts with up to four damages; most digits changed give another well-formed text, and other topologies. */
export function mutations(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(texts, fc.array(damage, { minLength: 1, maxLength: 4 }))
    .map(([text, damages]) => damages.reduce((damaged, one) => apply(damaged, one), text));
}

function apply(text: string, { kind, at, length, insertion }: Damage): string {
  const start = Math.floor(at * text.length);
  const end = start + length;
  switch (kind) {
    case "cut":
      return text.slice(0, start);
    case "drop":
      return text.slice(0, start) + text.slice(end);
    case "repeat":
      return text.slice(0, end) + text.slice(start);
    case "insert":
      return text.slice(0, start) + insertion + text.slice(start);
    case "digit":
      return text.slice(0, start) + text.slice(start).replace(/[0-9a-f](?=[0-9a-f:.\]"-])/, (length % 16).toString(16));
  }
}

import { expect, test } from "vitest";
import { withIdsFromNames } from "../../src/host/ids-from-names.ts";
import { read } from "./lspci/support.ts";

const pciIds = "10de  NVIDIA Corporation\n\t2330  GH100 [H100 SXM5 80GB]\n17aa  Lenovo\n";
const gpu = "01:00.0 3D controller: NVIDIA Corporation GH100 [H100 SXM5 80GB]\n";
const other = "02:00.0 System peripheral: Nobody's Thing\n";

test.each<[name: string, text: string, expected: readonly string[]]>([
  ["all of them", gpu, ["the ids of 1 functions were looked up by name"]],
  [
    "some",
    gpu + other,
    ["vendor and device ids are unknown for 1 of 2 functions", "the ids of 1 functions were looked up"],
  ],
  ["none", other, ["vendor and device ids are unknown for 1 of 1 functions"]],
])("the notes say how many ids stay unknown where a look-up finds %s", (_, text, expected) => {
  const { notes } = withIdsFromNames(read(text), pciIds);
  const messages = notes.map(({ message }) => message).filter((message) => /\bids\b/.test(message));
  expect(messages).toEqual(expected.map((start) => expect.stringContaining(start)));
});

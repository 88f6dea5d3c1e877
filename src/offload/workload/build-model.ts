import type { BackendName } from "../../devices/system-options.ts";
import type { YamlSource } from "../../host/yaml/yaml-source.ts";
import { present } from "../../pci/present.ts";
import type { ModelInput } from "./input.ts";
import type { DeviceName } from "./step-base.ts";
import type { NamedPeerMemory, NamedSystemOptions } from "./workload.ts";

/** `model:` with the places of its devices. */
export function buildModel(input: ModelInput, source: YamlSource): NamedSystemOptions {
  const { ram, maxPayload, maxReadRequest, backend = {}, dmaMaskBits = {}, peerMemory = [], ...same } = input;
  return {
    ...present({
      ...same,
      ramBytes: ram,
      maxPayloadBytes: maxPayload === undefined ? undefined : Number(maxPayload),
      maxReadBytes: maxReadRequest === undefined ? undefined : Number(maxReadRequest),
    }),
    backend: backendsOf(backend, source),
    dmaMaskBits: byDevice(dmaMaskBits, "dmaMaskBits", source),
    peerMemory: peerMemory.map(({ device, bar, offset, size }, index): NamedPeerMemory => {
      const place = source.placeOf(["model", "peerMemory", index, "device"]);
      return { device: { text: device, place }, bar, ...present({ offset, sizeBytes: size }) };
    }),
  };
}

function backendsOf(input: NonNullable<ModelInput["backend"]>, source: YamlSource): NamedSystemOptions["backend"] {
  return typeof input === "string" ? input : byDevice<BackendName>(input, "backend", source);
}

function byDevice<T>(
  input: Readonly<Record<string, T>>,
  key: string,
  source: YamlSource,
): readonly (readonly [DeviceName, T])[] {
  return Object.entries(input).map(([text, value]) => [
    { text, place: source.placeOfKey(["model", key], text) },
    value,
  ]);
}

import type { Backend } from "../../devices/system-options.ts";
import type { YamlSource } from "../../host/yaml/yaml-source.ts";
import type { ModelInput } from "./input.ts";
import type { DeviceName, ModelChoices, PeerMemoryChoice } from "./workload.ts";

/** `model:` with the places of its devices. */
export function buildModel(input: ModelInput, source: YamlSource): ModelChoices {
  const { ram, ramBusOffset, rootComplex, switchForwarding, failedReads, rules } = input;
  const { withoutUpstreamForwarding, insideDevices, maxPayload, maxReadRequest } = input;
  return {
    ...present({ ramBytes: ram, ramBusOffset, rootComplex, switchForwarding, failedReads, rules }),
    fabric: present({
      withoutUpstreamForwarding,
      insideDevices,
      maxPayloadBytes: maxPayload === undefined ? undefined : Number(maxPayload),
      maxReadBytes: maxReadRequest === undefined ? undefined : Number(maxReadRequest),
    }),
    backend: backendsOf(input.backend ?? {}, source),
    dmaMaskBits: byDevice(input.dmaMaskBits ?? {}, "dmaMaskBits", source),
    peerMemory: (input.peerMemory ?? []).map(({ device, bar, offset, size }, index): PeerMemoryChoice => {
      const path = ["model", "peerMemory", index];
      const name = { text: device, place: source.placeOf([...path, "device"]) };
      return { device: name, bar, offset: offset ?? 0, sizeBytes: size ?? null, place: source.placeOf(path) };
    }),
  };
}

function backendsOf(input: NonNullable<ModelInput["backend"]>, source: YamlSource): ModelChoices["backend"] {
  return typeof input === "string" ? input : byDevice<Backend>(input, "backend", source);
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

/** The entries that have a value. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

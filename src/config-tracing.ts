import { z } from "zod";
import { setting, share, text, urlOf } from "./config-setting.ts";

/** `name=value,…`, values percent-encoded as in W3C Baggage. */
const headers = z.string().transform((list, context) => {
  const given: [string, string][] = [];
  for (const part of list.split(",")) {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    const decoded = value === undefined ? null : decode(value);
    if (name !== undefined && decoded !== null) given.push([name, decoded]);
    else context.addIssue({ code: "custom", message: "is no list such as name=value,other=value" });
  }
  return Object.fromEntries(given);
});

/** Null where it is no percent-encoding, or fits in no header. */
function decode(value: string): string | null {
  try {
    const text = decodeURIComponent(value);
    return /^[\x20-\x7e]*$/.test(text) ? text : null;
  } catch {
    return null;
  }
}

/** Traces, by the names that OpenTelemetry gives its settings. */
export const tracingSettings = {
  otlpEndpoint: setting({
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    default: null,
    unit: "URL",
    sentence:
      "An OpenTelemetry collector that takes traces (OTLP over HTTP), as http://127.0.0.1:4318; without it there are none.",
    schema: urlOf("http:", "https:"),
  }),
  otlpHeaders: setting({
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    default: null,
    unit: "name=value,…",
    sentence: "Headers that the collector wants, such as a key of its own.",
    schema: headers,
    secret: true,
  }),
  otelServiceName: setting({
    name: "OTEL_SERVICE_NAME",
    default: "carillon",
    unit: "text",
    sentence: "What this service is called in traces.",
    schema: text,
  }),
  otelSamplerShare: setting({
    name: "OTEL_TRACES_SAMPLER_ARG",
    default: "1",
    unit: "share",
    sentence:
      "The share, 0 to 1, of traces that begin here and are kept; a caller's own traceparent decides for itself.",
    schema: share,
  }),
};

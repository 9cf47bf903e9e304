import { patternWords } from "./fields.ts";

/** JSON Schema, as far as the description uses it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
}

export type Components = Record<string, Schema>;

/** One line of a table of fields. */
export interface Field {
  /** With the fields it stands in: `to.email`. */
  name: string;
  type: string;
  required: boolean;
  description: string;
  constraints: string[];
}

/** Named schemas that are told by a word instead of their inner parts. */
const wordOf: Record<string, string> = { Json: "any JSON", JsonObject: "object" };

const nameOf = (ref: string) => ref.slice(ref.lastIndexOf("/") + 1);

function resolve(schema: Schema, components: Components): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  return { ...components[nameOf($ref)], ...own };
}

/** The fields of an object, those of objects in it included. */
export function fieldsOf(schema: Schema, components: Components, prefix = ""): Field[] {
  const { properties = {}, required = [] } = resolve(schema, components);
  return Object.entries(properties).flatMap(([key, property]) => {
    const name = prefix + key;
    const field: Field = {
      name,
      type: typeOf(property, components),
      required: required.includes(key),
      description: descriptionOf(property, components),
      constraints: constraintsOf(property, components),
    };
    const inner = variantsOf(property, components).find((variant) => variant.properties !== undefined);
    return inner === undefined ? [field] : [field, ...fieldsOf(inner, components, `${name}.`)];
  });
}

/** A field's own words, or those of the one type it has besides null. */
function descriptionOf(schema: Schema, components: Components): string {
  const [only, ...others] = variantsOf(schema, components);
  const { description } = resolve(schema, components);
  return description ?? (others.length === 0 ? only?.description : undefined) ?? "";
}

/** The types a value can be of: the branches of a union, `null` left out. */
function variantsOf(schema: Schema, components: Components): Schema[] {
  const resolved = resolve(schema, components);
  if (isWorded(schema)) return [resolved];
  return (resolved.anyOf ?? [resolved])
    .map((variant) => resolve(variant, components))
    .filter(({ type }) => type !== "null");
}

const isWorded = ({ $ref }: Schema) => $ref !== undefined && wordOf[nameOf($ref)] !== undefined;

export function typeOf(schema: Schema, components: Components): string {
  if (schema.$ref !== undefined) {
    const word = wordOf[nameOf(schema.$ref)];
    if (word !== undefined) return word;
  }
  const resolved = resolve(schema, components);
  const { anyOf, type, items, format } = resolved;
  if (anyOf !== undefined) {
    const types = anyOf.map((variant) => typeOf(variant, components)).filter((name) => name !== "");
    return [...new Set(types)].join(" or ");
  }
  if (Array.isArray(type)) return type.join(" or ");
  if (type === "array") return `array of ${items ? typeOf(items, components) || "items" : "items"}`;
  return format === undefined ? (type ?? "") : `${type} (${format})`;
}

export function constraintsOf(schema: Schema, components: Components): string[] {
  if (isWorded(schema)) return [];
  const found = variantsOf(schema, components).flatMap((variant) => ownConstraints(variant, components));
  const { default: fallback } = resolve(schema, components);
  if (fallback !== undefined) found.push(`default ${JSON.stringify(fallback)}`);
  return [...new Set(found)];
}

function ownConstraints(schema: Schema, components: Components): string[] {
  const { items, additionalProperties: values, propertyNames } = schema;
  return [
    valuesOf(schema),
    rangeOf(schema.minLength, schema.maxLength, "characters"),
    rangeOf(schema.minItems, schema.maxItems, "items"),
    rangeOf(schema.minProperties, schema.maxProperties, "keys"),
    rangeOf(schema.minimum, schema.maximum, ""),
    wordsOfPattern(schema.pattern),
    propertyNames?.pattern ? `keys: ${wordsOfPattern(propertyNames.pattern)}` : "",
    typeof values === "object" ? `values: ${typeOf(values, components)}` : "",
    items ? constraintsOf(items, components).join(", ") : "",
  ].filter((words) => words !== "");
}

function valuesOf({ enum: values, const: only }: Schema): string {
  if (only !== undefined) return String(only);
  return values === undefined ? "" : values.map(String).join(", ");
}

function rangeOf(min: number | undefined, max: number | undefined, unit: string): string {
  const words = (text: string) => (unit === "" ? text : `${text} ${unit}`);
  if (min !== undefined && max !== undefined) return words(min === max ? `${min}` : `${min} to ${max}`);
  if (max !== undefined) return words(`at most ${max}`);
  return min === undefined ? "" : words(`at least ${min}`);
}

const wordsOfPattern = (pattern: string | undefined): string =>
  pattern === undefined ? "" : (patternWords[pattern] ?? `matches ${pattern}`);

/** Reading JSON Schema as pydantic writes it: references, defaults, choices and widgets. */

/** The schema with `$ref` and a nullable `anyOf` resolved against the root's `$defs`. */
export function resolve(schema, root) {
  let found = schema ?? {};
  if (found.$ref) {
    const { $ref, ...rest } = found;
    found = { ...resolve(root.$defs?.[$ref.split('/').pop()], root), ...rest };
  }
  const options = found.anyOf?.filter((option) => option.type !== 'null');
  if (options?.length === 1) {
    const { anyOf, ...rest } = found;
    found = { ...resolve(options[0], root), ...rest, nullable: anyOf.length > 1 };
  }
  if (found.allOf?.length === 1) {
    const { allOf, ...rest } = found;
    found = { ...resolve(allOf[0], root), ...rest };
  }
  return found;
}

/** The variants of a discriminated union: [{name, schema}], or [] for anything else. */
export function variants(schema, root) {
  const options = schema.oneOf ?? (schema.discriminator ? schema.anyOf : undefined);
  if (!options) return [];
  const key = schema.discriminator?.propertyName ?? 'name';
  return options.map((option) => {
    const inner = resolve(option, root);
    const tag = inner.properties?.[key] ?? {};
    return { name: tag.const ?? tag.enum?.[0] ?? tag.default ?? inner.title, schema: inner, key };
  });
}

/** Every default of an object schema, for a form that has just been chosen. */
export function defaultsOf(schema, root) {
  return Object.fromEntries(Object.entries(schema.properties ?? {})
    .filter(([, field]) => 'default' in field || 'const' in field)
    .map(([name, field]) => [name, field.const ?? field.default]));
}

/** A variant as it is when it has just been chosen: with every default. */
export const fresh = (option, root) => ({ ...defaultsOf(option.schema, root), [option.key]: option.name });

/** The widget that draws a setting; 'json' for what no other widget understands. */
export function widgetOf(schema, root) {
  if (schema.widget && schema.widget !== 'fader') return schema.widget;
  if (variants(schema, root).length) return 'choice';
  if (schema.enum) return 'select';
  if (schema.const !== undefined) return 'none';
  if (schema.type === 'boolean') return 'switch';
  if (schema.type === 'number' || schema.type === 'integer') return bounded(schema) ? 'slider' : 'number';
  if (schema.type === 'string') return (schema.maxLength ?? 0) > 120 ? 'area' : 'text';
  if (schema.live === 'curve') return 'curve';
  return 'json';
}

const lowest = (schema) => schema.minimum ?? schema.exclusiveMinimum;
const highest = (schema) => schema.maximum ?? schema.exclusiveMaximum;

/** Whether a number's range is narrow enough for a slider to be useful. */
function bounded(schema) {
  const span = highest(schema) - lowest(schema);
  return Number.isFinite(span) && span <= (schema.type === 'integer' ? 64 : 100);
}

/** {low, high, step} of a number. */
export function rangeOf(schema) {
  const low = lowest(schema) ?? 0;
  const high = highest(schema) ?? 1;
  const whole = schema.type === 'integer';
  return { low, high, step: schema.multipleOf ?? (whole ? 1 : high - low > 10 ? 0.1 : 0.01) };
}

/** `net_weight` as a person reads it: 'net weight'. */
export const spoken = (name) => name.replaceAll('_', ' ');

/** The value that a node's setting has: its own, or the declaration's default. */
export function valueOf(node, name, declaration) {
  if (node.settings && name in node.settings) return node.settings[name];
  return declaration.defaults?.[name] ?? declaration.schema.properties?.[name]?.default;
}

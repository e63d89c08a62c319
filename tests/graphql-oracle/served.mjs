// The schema as graphql-js executes it, over the data of a running server. A field with arguments is asked of the server
// once for each set of its arguments, in a document that has nothing but literals; what has no arguments comes with it.
// So variables, defaults, directives, fragments, merging and what becomes of errors are graphql-js's own.
import {
  astFromValue,
  buildSchema,
  execute,
  getNamedType,
  getNullableType,
  GraphQLError,
  GraphQLNonNull,
  isAbstractType,
  isCompositeType,
  isSpecifiedScalarType,
  print,
} from 'graphql';

/** What depends on the moment at which it is asked, or changes what others are answered. */
export const VOLATILE = new Set(['Board.asOf', 'Mutation.rebuildProjection']);

/** A server's answer to a request. */
export async function ask(url, request) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify(request),
  });
  return response.json();
}

const INTROSPECTION = `{ __schema {
  description
  types { name description enumValues { name description }
    fields { name description type { kind } args { name description type { kind } } } }
  directives { name description args { name description } }
} }`;

export class Served {
  constructor(sdl, url) {
    this.url = url;
    this.schema = buildSchema(sdl);
    /** What the server has answered, or what is on its way. */
    this.known = new Map();
    const types = this.schema.getTypeMap();
    types.DateTime.parseValue = text('DateTime', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    types.Position.parseValue = text('Position', /^(0|[1-9]\d{0,18})$/);
    for (const type of [types.DateTime, types.Position]) {
      type.parseLiteral = (node) => type.parseValue(node.kind === 'StringValue' ? node.value : node);
    }
    this.schema.getType('Node').resolveType = (value) => value.it.__typename;
    for (const type of Object.values(types)) {
      if (type.name.startsWith('__')) continue;
      for (const field of Object.values(type.getFields?.() ?? {})) {
        field.resolve = (parent, args, coming, info) => this.resolve(field, parent, args, coming, info);
      }
    }
  }

  /** Takes over from the server what its schema says of introspection itself, and the order of its lists: that is data. */
  async introspect() {
    const { data } = await ask(this.url, { query: INTROSPECTION });
    const types = this.schema.getTypeMap();
    this.schema.description = data.__schema.description;
    reorder(types, data.__schema.types);
    this.schema._directives = data.__schema.directives.map((told) => this.schema.getDirective(told.name));
    for (const told of data.__schema.types) {
      const type = types[told.name];
      const [isOurs, fields] = [told.name.startsWith('__') || isSpecifiedScalarType(type), type.getFields?.() ?? {}];
      if (!isOurs) continue;
      type.description = told.description;
      for (const field of told.fields ?? []) {
        fields[field.name].description = field.description;
        if (field.type.kind === 'NON_NULL') fields[field.name].type = needed(fields[field.name].type);
        for (const arg of fields[field.name].args) {
          const there = field.args.find(({ name }) => name === arg.name);
          arg.description = there.description;
          if (there.type.kind === 'NON_NULL') arg.type = needed(arg.type);
        }
      }
      reorder(fields, told.fields ?? []);
      for (const value of type.getValues?.() ?? []) {
        value.description = told.enumValues.find(({ name }) => name === value.name).description;
      }
    }
    for (const told of data.__schema.directives) {
      const directive = this.schema.getDirective(told.name);
      directive.description = told.description;
      for (const arg of directive.args) arg.description = told.args.find(({ name }) => name === arg.name).description;
    }
  }

  /** What graphql-js answers with everything at hand, so that its errors are those of an execution in the document's
   * order. Up to then, what is still to come is null, and it is executed again. */
  async execute(document, variableValues, operationName) {
    for (;;) {
      const contextValue = [];
      const result = execute({ schema: this.schema, document, variableValues, operationName, contextValue });
      if (contextValue.length === 0) return result;
      await Promise.all(contextValue);
      if (this.broken !== undefined) throw this.broken;
    }
  }

  resolve(field, parent, args, coming, info) {
    const at = parent?.at ?? { operation: info.operation.operation, steps: [], index: [] };
    if (parent !== undefined && field.args.length === 0) {
      return wrap(parent.it[field.name], { ...at, steps: [...at.steps, field.name] });
    }
    const written = field.args
      .filter((arg) => args[arg.name] !== undefined)
      .map((arg) => `${arg.name}: ${print(astFromValue(args[arg.name], arg.type))}`);
    const step = field.name + (written.length > 0 ? `(${written.join(', ')})` : '');
    const there = { ...at, steps: [...at.steps, step] };
    const key = JSON.stringify(there);
    const known = this.known.get(key);
    if (known === undefined) {
      const answer = this.fetch(there, getNamedType(field.type)).then(
        (answer) => this.known.set(key, answer),
        (error) => (this.broken ??= error),
      );
      this.known.set(key, answer);
    }
    if (known !== undefined && typeof known.then !== 'function') return found(known, there);
    coming.push(this.known.get(key));
    return null;
  }

  async fetch({ operation, steps, index }, type) {
    const query = `${operation} {${steps.join(' { ')} ${this.everything(type)}${' }'.repeat(steps.length)}`;
    const answer = await ask(this.url, { query });
    if (answer.data === undefined) throw new Error(`${query} is refused: ${JSON.stringify(answer)}`);
    const [left, errors] = [[...index], answer.errors ?? []];
    let value = answer.data;
    for (const step of steps) {
      if (step.startsWith('...')) continue;
      value = value?.[step.split('(')[0]];
      while (Array.isArray(value) && left.length > 0) value = value[left.shift()];
    }
    return value === null || value === undefined ? { failed: errors[0]?.message, value: null } : { value };
  }

  /** A selection of all that has no arguments. */
  everything(type) {
    if (!isCompositeType(type)) return '';
    if (isAbstractType(type)) {
      const objects = this.schema.getPossibleTypes(type).map((object) => `... on ${object} ${this.everything(object)}`);
      return `{ __typename ${objects.join(' ')} }`;
    }
    const fields = Object.values(type.getFields()).filter((field) => field.args.length === 0);
    return `{ __typename ${fields.map((field) => field.name + this.everything(getNamedType(field.type))).join(' ')} }`;
  }
}

/** Puts the entries of `them` into the order of `told`. */
function reorder(them, told) {
  for (const { name } of told) {
    const it = them[name];
    delete them[name];
    them[name] = it;
  }
}

function needed(type) {
  return new GraphQLNonNull(getNullableType(type));
}

function found(answer, at) {
  if (answer.failed !== undefined) throw new GraphQLError(answer.failed);
  return wrap(answer.value, at);
}

/** A value that knows how to be asked for more: the fields that lead to it, and its places in the lists on that way. */
function wrap(value, at) {
  if (Array.isArray(value)) return value.map((item, place) => wrap(item, { ...at, index: [...at.index, place] }));
  if (value === null || typeof value !== 'object') return value;
  // What has an id is found by it, wherever it was met.
  const byId = () => [`node(id: ${JSON.stringify(value.id)})`, `... on ${value.__typename}`];
  return { it: value, at: value.id === undefined ? at : { operation: 'query', steps: byId(), index: [] } };
}

function text(name, right) {
  return (value) => {
    if (typeof value !== 'string' || !right.test(value)) throw new GraphQLError(`${value} is no ${name}`);
    return value;
  };
}

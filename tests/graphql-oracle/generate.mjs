// Random documents that the schema allows, with values for their variables. The same number makes the same document.
//
// What may stand at a place of the answer is chosen once for the place (a pool), and then written there several times: in
// the set itself, in fragments with and without a type, in named ones, each time with other directives and other fields
// below. So most documents have much to merge, and no two fields of one name that are not the same.
import {
  getNamedType,
  getNullableType,
  GraphQLNonNull,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { VOLATILE } from './served.mjs';

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Names in the answer. `__type` is one that the server may use for itself. */
const KEYS = ['a', 'b', 'status', 'id', '__typename', '__type', 'position'];
const FIELDS_MAX = 60;
const PARTS_MAX = 40;

export class Generator {
  /** `words` are values that mean something to the server, by the names of arguments. */
  constructor(schema, words, seed) {
    Object.assign(this, { schema, words, next: random(seed), fragments: [], fields: 0, parts: 0, constant: false });
  }

  chance(of) {
    return this.next() < of;
  }

  below(count) {
    return Math.floor(this.next() * count);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** `{ query, variables, operationName }`. */
  request() {
    const kind = this.chance(0.03) ? 'mutation' : 'query';
    const names = this.chance(0.6) ? [] : ['One'];
    if (names.length > 0 && this.chance(0.25)) names.push('Two');
    const operations = (names.length > 0 ? names : ['']).map((name, index) => {
      this.variables = new Map();
      this.index = index;
      const root = kind === 'mutation' ? this.schema.getMutationType() : this.schema.getQueryType();
      const before = this.fragments.length;
      const selection = this.set(root, this.pool(root, 0), 0);
      // What a pool has is not always written.
      const written = selection + this.fragments.slice(before).map((it) => it.text).join('');
      for (const variable of this.variables.keys()) {
        if (!new RegExp(`\\$${variable}\\b`).test(written)) this.variables.delete(variable);
      }
      const declared = [...this.variables].map(
        ([variable, { type, initial }]) => `$${variable}: ${type}${initial === undefined ? '' : ` = ${initial}`}`,
      );
      const head = `${kind} ${name}${declared.length > 0 ? `(${this.shuffled(declared).join(', ')})` : ''}`;
      const given = [...this.variables].filter(([, it]) => it.value !== undefined);
      const values = Object.fromEntries(given.map(([variable, it]) => [variable, it.value]));
      return { text: `${name === '' && declared.length === 0 && kind === 'query' ? '' : head} ${selection}`, values, name };
    });
    const chosen = this.pick(operations);
    const parts = this.shuffled([...operations.map((it) => it.text), ...this.fragments.map((it) => it.text)]);
    const request = { query: parts.join('\n'), variables: chosen.values };
    if (chosen.name !== '' && (operations.length > 1 || this.chance(0.5))) request.operationName = chosen.name;
    return request;
  }

  shuffled(list) {
    return list.map((item) => [this.next(), item]).sort(([one], [other]) => one - other).map(([, item]) => item);
  }

  /** What may be asked of a type at one place: by the name in the answer, a field, its arguments, and what is below. */
  pool(type, depth) {
    const pools = new Map();
    const others = isAbstractType(type) ? this.schema.getPossibleTypes(type) : this.chance(0.2) ? type.getInterfaces() : [];
    for (const object of [type, ...others]) {
      pools.set(object.name, { type: object, entries: this.entries(object, depth) });
    }
    return pools;
  }

  entries(type, depth) {
    const fields = Object.values(type.getFields()).filter((field) => !VOLATILE.has(`${type.name}.${field.name}`));
    const simple = (field) => !isCompositeType(getNamedType(field.type));
    const allowed = fields.filter((field) => depth < 5 || simple(field));
    const entries = new Map();
    const names = ['__typename'];
    if (type === this.schema.getQueryType() && this.chance(0.15)) names.push('__type', '__schema');
    for (let count = depth === 0 ? 1 + this.below(3) : 1 + this.below(5); count > 0; count -= 1) {
      const name = allowed.length === 0 || this.chance(0.08) ? this.pick(names) : this.pick(allowed).name;
      const key = this.chance(0.2) ? this.pick(KEYS) : name;
      if (entries.has(key) || this.fields > FIELDS_MAX) continue;
      this.fields += 1;
      const field = this.field(type, name);
      const below = getNamedType(field.type);
      const head = (key === name ? name : `${key}: ${name}`) + this.arguments(field);
      entries.set(key, { head, type: below, pool: isCompositeType(below) ? this.pool(below, depth + 1) : undefined });
    }
    if (entries.size === 0) entries.set('__typename', { head: '__typename' });
    return entries;
  }

  field(type, name) {
    if (name === '__typename') return { type: this.schema.getType('String'), args: [] };
    if (name === '__schema') return { type: this.schema.getType('__Schema'), args: [] };
    if (name === '__type') return { type: this.schema.getType('__Type'), args: [{ name: 'name', type: this.needed('String') }] };
    return type.getFields()[name];
  }

  /** The type of this name, without null. */
  needed(name) {
    return new GraphQLNonNull(this.schema.getType(name));
  }

  /** One selection of what a pool has, for objects of `type`. */
  set(type, pools, depth) {
    const parts = [];
    const own = [...pools.get(type.name).entries.values()];
    for (let count = 1 + this.below(depth === 0 ? 3 : 4); count > 0; count -= 1) {
      this.parts += 1;
      const chosen = this.next();
      if (chosen < 0.68 || depth > 9 || this.parts > PARTS_MAX) {
        parts.push(this.written(this.pick(own), depth));
      } else if (chosen < 0.76) {
        parts.push(`...${this.directives()} ${this.set(type, pools, depth + 1)}`);
      } else {
        const other = this.pick([...pools.values()]).type;
        // Within one object type, nothing is asked of another.
        const inside = new Map([...pools].filter(([name, it]) => isAbstractType(other) || name === other.name || isAbstractType(it.type)));
        if (chosen < 0.88) parts.push(`... on ${other}${this.directives()} ${this.set(other, inside, depth + 1)}`);
        else parts.push(`...${this.fragment(other, inside, depth)}${this.directives()}`);
      }
    }
    return `{ ${parts.join(' ')} }`;
  }

  written(entry, depth) {
    const below = entry.pool === undefined ? '' : ` ${this.set(entry.type, entry.pool, depth + 1)}`;
    return `${entry.head}${this.directives()}${below}`;
  }

  /** The name of a fragment on `type`: a new one, or one that is spread again. */
  fragment(type, pools, depth) {
    const place = pools.get(type.name);
    const before = this.fragments.filter((it) => it.text !== undefined && it.place === place);
    if (before.length > 0 && this.chance(0.4)) return this.pick(before).name;
    const fragment = { name: `F${this.fragments.length}`, place };
    this.fragments.push(fragment);
    fragment.text = `fragment ${fragment.name} on ${type} ${this.set(type, pools, depth + 1)}`;
    return fragment.name;
  }

  directives() {
    if (!this.chance(0.22)) return '';
    const one = (name) => ` @${name}(if: ${this.value(this.needed('Boolean'), 'if')})`;
    return this.chance(0.15) ? one('skip') + one('include') : one(this.chance(0.5) ? 'skip' : 'include');
  }

  arguments(field) {
    const written = [];
    for (const arg of field.args) {
      const needed = isNonNullType(arg.type) && arg.defaultValue === undefined;
      if (needed || this.chance(arg.name === 'first' ? 0.5 : 0.25)) {
        written.push(`${arg.name}: ${this.value(arg.type, arg.name, arg.defaultValue)}`);
      }
    }
    return written.length > 0 ? `(${this.shuffled(written).join(', ')})` : '';
  }

  /** A literal or a variable for a place of this type. */
  value(type, name, initial) {
    return !this.constant && this.chance(0.4) ? `$${this.variable(type, name, initial)}` : this.literal(type, name);
  }

  literal(type, name) {
    if (!isNonNullType(type) && this.chance(0.12)) return 'null';
    const bare = getNullableType(type);
    if (isListType(bare)) {
      if (this.chance(0.25)) return this.literal(new GraphQLNonNull(getNullableType(bare.ofType)), name);
      return `[${this.several(() => this.value(bare.ofType, name)).join(', ')}]`;
    }
    if (isInputObjectType(bare)) {
      const written = this.inputs(bare).map((it) => `${it.name}: ${this.value(it.type, it.name, it.defaultValue)}`);
      return `{${this.shuffled(written).join(', ')}}`;
    }
    const value = this.word(bare, name);
    return isEnumType(bare) ? value : JSON.stringify(value);
  }

  /** Some fields of an input object, and those that it must have. */
  inputs(type) {
    const must = (field) => isNonNullType(field.type) && field.defaultValue === undefined;
    return Object.values(type.getFields()).filter((field) => must(field) || this.chance(0.3));
  }

  several(make) {
    return Array.from({ length: this.pick([0, 1, 1, 2, 2, 3]) }, make);
  }

  /** A value as JSON has it, for a variable. */
  json(type, name) {
    if (!isNonNullType(type) && this.chance(0.12)) return null;
    const bare = getNullableType(type);
    if (isListType(bare)) {
      if (this.chance(0.25)) return this.json(bare.ofType, name);
      return this.several(() => this.json(bare.ofType, name));
    }
    if (isInputObjectType(bare)) {
      return Object.fromEntries(this.inputs(bare).map((it) => [it.name, this.json(it.type, it.name)]));
    }
    return this.word(bare, name);
  }

  /** A value of a scalar or an enum. */
  word(type, name) {
    if (isEnumType(type)) return this.pick(type.getValues()).name;
    const words = this.words[name] ?? this.words[type.name];
    return this.pick(words);
  }

  /** The name of a variable for a place of this type, whose default is `initial`. */
  variable(type, name, initial) {
    for (const [known, it] of this.variables) {
      const defaults = it.initial !== undefined || initial !== undefined;
      const fits = isNonNullType(it.type) || !isNonNullType(type) || defaults;
      if (fits && it.place === `${getNullableType(type)} ${name}` && this.chance(0.5)) return known;
    }
    const variable = `v${this.index}_${this.variables.size}`;
    const it = { place: `${getNullableType(type)} ${name}`, type };
    this.variables.set(variable, it);
    // A nullable one may stand where no null may be, if it or the place has a default.
    const loosened = isNonNullType(type) && this.chance(0.4);
    if (loosened) it.type = getNullableType(type);
    else if (!isNonNullType(type) && this.chance(0.2)) it.type = new GraphQLNonNull(type);
    const needsDefault = loosened && initial === undefined;
    if (needsDefault || this.chance(0.35)) {
      this.constant = true;
      it.initial = this.literal(needsDefault ? type : it.type, name);
      this.constant = false;
    }
    const mayBeLeftOut = !isNonNullType(it.type) || it.initial !== undefined;
    if (mayBeLeftOut && this.chance(0.35)) return variable;
    it.value = this.chance(0.015) ? this.pick([{ no: 'such' }, [[7]], 'no such', 1.5, true, null]) : this.json(it.type, name);
    return variable;
  }
}

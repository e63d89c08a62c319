// Makes a request small that shows a difference: takes out what can be taken out.
import { parse, print, visit } from 'graphql';

/** The smallest request that is found for which `differs` holds. */
export async function shrink({ query, variables, operationName }, differs) {
  let small = { query, variables, operationName };
  const attempt = async (candidate) => {
    const holds = await differs(candidate).catch(() => false);
    if (holds) small = candidate;
    return holds;
  };
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    for (let place = 0; ; place += 1) {
      const candidate = without(small.query, place);
      if (candidate === undefined) break;
      if (await attempt({ ...small, query: candidate })) {
        shrunk = true;
        place -= 1;
      }
    }
    for (const name of Object.keys(small.variables)) {
      const { [name]: _, ...variables } = small.variables;
      if (await attempt({ ...small, variables })) shrunk = true;
    }
  }
  return small;
}

const REMOVABLE = new Set(['Field', 'InlineFragment', 'FragmentSpread', 'FragmentDefinition', 'Directive', 'Argument', 'ObjectField', 'OperationDefinition']);

/** The document without the n-th thing that can be taken out, and what is then used by nothing; `undefined` past the last. */
function without(query, place) {
  let seen = -1;
  const cut = visit(parse(query), {
    enter(node) {
      if (!REMOVABLE.has(node.kind)) return undefined;
      seen += 1;
      return seen === place ? null : undefined;
    },
  });
  if (seen < place) return undefined;
  return print(tidy(cut));
}

function tidy(document) {
  const used = { Variable: new Set(), FragmentSpread: new Set() };
  visit(document, {
    VariableDefinition: () => false,
    Variable: (node) => void used.Variable.add(node.name.value),
    FragmentSpread: (node) => void used.FragmentSpread.add(node.name.value),
  });
  const tidied = visit(document, {
    VariableDefinition: (node) => (used.Variable.has(node.variable.name.value) ? undefined : null),
    FragmentDefinition: (node) => (used.FragmentSpread.has(node.name.value) ? undefined : null),
  });
  return JSON.stringify(tidied) === JSON.stringify(document) ? document : tidy(tidied);
}

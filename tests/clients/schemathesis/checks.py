"""What schemathesis holds each answer against: a query that the schema allows is answered or refused, never broken.

Its own check takes every error for a failure. Here a refusal is none, provided that it has a known code.
"""

import dataclasses

import graphql
import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure

REFUSALS = {
    "AMBIGUOUS_APPOINTMENT",
    "ANSWER_TOO_LARGE",
    "APPOINTMENT_NOT_FOUND",
    "BAD_USER_INPUT",
    "BUSY",
    "FORBIDDEN",
    "LIFECYCLE_NOT_FOUND",
    "ALIAS_LIMIT_EXCEEDED",
    "COMPLEXITY_LIMIT_EXCEEDED",
    "DEPTH_LIMIT_EXCEEDED",
    "DIRECTIVE_LIMIT_EXCEEDED",
    "DOCUMENT_TOO_LARGE",
    "FIELD_LIMIT_EXCEEDED",
    "PAGE_TOO_LARGE",
    "TOO_MANY_TO_ORDER",
    "SOURCE_NOT_FOUND",
}

# Of a query that the schema allows, validation may refuse nothing but its size.
SIZES = {"Query is too complex.", "Query is nested too deep."}


# Of each group only one may be given, or only one makes sense beside a cursor that is the same.
TOGETHER_REFUSED = [("first", "last"), ("first", "before"), ("asOf", "asOfPosition")]


@schemathesis.hook
def map_body(context, body):
    """Takes back, in two of three queries, arguments that are refused together, so that most queries reach what there is."""
    if len(graphql.print_ast(body)) % 3 == 0:
        return body
    return graphql.visit(body, OneOfEach())


class OneOfEach(graphql.Visitor):
    def enter_field(self, node, *_):
        names = {argument.name.value for argument in node.arguments}
        refused = {second for first, second in TOGETHER_REFUSED if {first, second} <= names}
        kept = tuple(argument for argument in node.arguments if argument.name.value not in refused)
        return dataclasses.replace(node, arguments=kept)


def fault(case, title, message):
    return Failure(operation=case.operation.label, title=title, message=message)


@schemathesis.check
def answered_or_refused(ctx, response, case):
    if response.status_code >= 500:
        raise fault(case, "Server error", f"the status is {response.status_code}")
    try:
        answer = response.json()
    except ValueError:
        raise fault(case, "No JSON", response.text[:200]) from None
    errors = answer.get("errors", [])
    allowed = case.meta.generation.mode == GenerationMode.POSITIVE
    if not errors and graphql.validate(case.operation.schema.client_schema, graphql.parse(case.body)):
        raise fault(case, "What the schema does not allow was answered", str(answer)[:200])
    if not errors and answer.get("data") is None:
        raise fault(case, "Neither data nor errors", str(answer)[:200])
    for error in errors:
        code = error.get("extensions", {}).get("code")
        invalid = code == "GRAPHQL_VALIDATION_FAILED" and (not allowed or error["message"] in SIZES)
        if code not in REFUSALS and not invalid:
            raise fault(case, f"The code {code}", error["message"])
        # A request error stops everything; an execution error says which field it belongs to.
        if ("data" in answer) != ("path" in error):
            raise fault(case, "A path without data, or data without a path", str(answer)[:200])

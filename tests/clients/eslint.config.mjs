// What the published schema is held against: every element described, one way of naming, Relay's connections, nothing
// that no query can reach.
//   SCHEMA=schema.graphql eslint --no-config-lookup --config eslint.config.mjs --max-warnings 0 schema.graphql
// The file has to be in the folder in which eslint runs, or below it.
import graphql from '@graphql-eslint/eslint-plugin';

const { 'flat/schema-recommended': recommended, 'flat/schema-relay': relay } = graphql.configs;

export default [
  {
    files: ['**/*.graphql'],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: process.env.SCHEMA } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...recommended.rules,
      ...relay.rules,
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],
      // Short lists of values are lists; what grows with the log is a connection.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // `appointmentId` and `deliveryId` are the sender's, beside our own `id`.
      '@graphql-eslint/no-typename-prefix': 'off',
      // A short description stands on a line, a longer one in a block of its own.
      '@graphql-eslint/description-style': 'off',
      // What has an id of its own is a `Node`; the rest are values.
      '@graphql-eslint/strict-id-in-types': 'off',
    },
  },
];

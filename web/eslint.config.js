import vue from "eslint-plugin-vue";
import tseslint from "typescript-eslint";

export default tseslint.config(
  ...tseslint.configs.strict,
  ...vue.configs["flat/recommended"],
  {
    files: ["**/*.vue"],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    rules: {
      // The compiler sees to undefined names; layout is a matter of taste.
      "no-undef": "off",
      "vue/multi-word-component-names": ["error", { ignores: ["App"] }],
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": ["error", { html: { void: "always" } }],
      // All text is shown as text.
      "vue/no-v-html": "error",
    },
  },
  {
    files: ["src/**"],
    ignores: ["src/socket.ts"],
    rules: { "no-restricted-imports": ["error", { paths: ["socket.io-client"] }] },
  },
  {
    // Only stores talk to the server, through the one module that owns the socket.
    files: ["src/components/**", "src/composables/**", "src/App.vue"],
    rules: {
      "no-restricted-imports": ["error", { paths: ["socket.io-client"], patterns: ["**/socket"] }],
    },
  },
  { ignores: ["node_modules/"] },
);

// The pages' Content-Security-Policy allows no inline style: components use the one style sheet of the site.
export default { compilerOptions: { css: "external" } };

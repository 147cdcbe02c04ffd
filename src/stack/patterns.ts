/**
 * Values that may be rendered into nginx, HAProxy, argv, labels and container names. Each pattern is an allow-list, so
 * that quotes, spaces, `;`, `{}`, `$`, control characters and leading dashes never reach a renderer.
 */
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';

/** One DNS label or several, lower case. */
export const hostPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);
// No empty, `.` or `..` segment, so that no proxy normalises a path to another one. No nested repetition, since the
// input is untrusted and must not cause backtracking.
const segment = '(?!\\.{1,2}(?:[/?]|$))[A-Za-z0-9._~-]+';
const path = `/(?:${segment}(?:/${segment})*/?)?`;
export const routePathPattern = new RegExp(`^${path}$`);
/** The same with an optional query. */
export const healthPathPattern = new RegExp(`^${path}(?:\\?[A-Za-z0-9._~=&-]*)?$`);
/** `200`, `200-399`, `200,204,301-308` */
export const statusPattern = /^[1-5]\d\d(?:-[1-5]\d\d)?(?:, ?[1-5]\d\d(?:-[1-5]\d\d)?){0,15}$/;
export const serviceNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$/;
export const environmentNamePattern = /^[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/;
/** Compose's own rule for a project, with room for the environment's name within one DNS label. */
export const stackNamePattern = /^[a-z0-9][a-z0-9_-]{0,39}$/;
export const contextPattern = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$/;
export const profilePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Names of containers, networks and volumes: the engine's own rule. */
export const engineNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
/** A relative path inside the project. Links are checked when the file is read. */
export const projectPathPattern = /^(?!-)(?!\/)[A-Za-z0-9._/ @+-]+$/;
/** A mount that is allowed by name: absolute, or relative to the project. */
export const mountPattern = /^(?!-)[A-Za-z0-9._/ @+:~-]+$/;

/** PostgreSQL's parameters, with those of extensions, such as `auto_explain.log_min_duration`. */
export const parameterPattern = /^[a-z][a-z0-9_]{0,62}(?:\.[a-z][a-z0-9_]{0,62})?$/;

export const controlCharacters = /[\u0000-\u001f\u007f]/;

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const domainLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const registry = `(?:${domainLabel}(?:\\.${domainLabel})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
/** The grammar of github.com/distribution/reference: name, tag, digest. */
export const imageReferencePattern = new RegExp(
  `^(?:${registry}/)?${component}(?:/${component})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?` +
    '(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$',
);

/** Looks up what a task draws in one of its domains. */

/**
 * The entry of a domain.
 *
 * @throws Error naming the task's domains when this is none of them
 */
export function domainOf<T>(task: string, domains: { readonly [domain: string]: T }, domain: string): T {
  if (!Object.hasOwn(domains, domain))
    throw new Error(`${task} has no domain '${domain}'; choose ${Object.keys(domains).join(', ')}`);
  return domains[domain]!;
}

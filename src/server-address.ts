/** What may be shown of a server's URL: where it is and what of it is used, never who logs in by which password. */
export function addressIn(url: string): string {
  // Several hosts, as MongoDB's URLs may have, are no URL to the standard.
  const [, hosts = "", path = ""] = /^[a-z+]+:\/\/(?:[^/?#]*@)?([^/?#]*)(\/[^?#]*)?/i.exec(url) ?? [];
  return `${hosts}${path === "/" ? "" : path}`;
}

/**
 * A CloudFront Function (cloudfront-js-2.0), run before the cache is looked at. A distribution's patterns are compared
 * with normalised paths, but the origin is sent what the client wrote, and its URL parser reads a backslash as a slash.
 */
// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it by this name
function handler(event) {
  const request = event.request;
  if (request.uri.includes("\\")) return refusal(400, "Bad Request");
  let segments;
  try {
    segments = request.uri.split("/").map(decodeURIComponent);
  } catch (_) {
    return refusal(400, "Bad Request");
  }
  if (segments.includes("..") || segments.includes(".")) return refusal(400, "Bad Request");
  if (segments.find((segment) => segment !== "") === "metrics") return refusal(404, "Not Found");
  return request;
}

function refusal(statusCode, statusDescription) {
  return { statusCode, statusDescription, headers: { "cache-control": { value: "no-store" } } };
}

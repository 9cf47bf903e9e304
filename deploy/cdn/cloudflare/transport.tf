locals {
  settings = {
    always_use_https = "on"
    early_hints      = "on"
    http3            = "on" # HTTP/2 is always on.
    min_tls_version  = "1.2"
    ssl              = "strict"
    tls_1_3          = "on"
  }
}

resource "cloudflare_zone_setting" "transport" {
  for_each   = local.settings
  zone_id    = var.zone_id
  setting_id = each.key
  value      = each.value
}

resource "cloudflare_ruleset" "compression" {
  zone_id = var.zone_id
  name    = "Carillon: compression"
  kind    = "zone"
  phase   = "http_response_compression"

  rules = [
    {
      ref         = "carillon_compression"
      description = "The smallest that the client takes, for what grows smaller and is no stream of events"
      expression  = "http.host eq \"${var.hostname}\" and http.response.content_type.media_type in {\"application/json\" \"application/problem+json\" \"application/x-ndjson\" \"image/svg+xml\" \"text/css\" \"text/html\"}"
      action      = "compress_response"
      action_parameters = {
        algorithms = [{ name = "zstd" }, { name = "brotli" }, { name = "gzip" }]
      }
    },
  ]
}

# Prometheus asks the machines themselves.
resource "cloudflare_ruleset" "firewall" {
  zone_id = var.zone_id
  name    = "Carillon: firewall"
  kind    = "zone"
  phase   = "http_request_firewall_custom"

  rules = [
    {
      ref         = "carillon_metrics"
      description = "Metrics are not for outside"
      expression  = "http.host eq \"${var.hostname}\" and (http.request.uri.path eq \"/metrics\" or starts_with(http.request.uri.path, \"/metrics/\"))"
      action      = "block"
    },
  ]
}

# Of several rules that match, the last one that says something about a setting counts: nothing is cached but what is
# named. Paths are compared after normalisation (url_normalization below), which is also what the origin is sent.
resource "cloudflare_ruleset" "cache" {
  zone_id = var.zone_id
  name    = "Carillon: cache"
  kind    = "zone"
  phase   = "http_request_cache_settings"

  rules = [
    {
      ref               = "carillon_nothing"
      description       = "The API, health and whatever else: never"
      expression        = "http.host eq \"${var.hostname}\""
      action            = "set_cache_settings"
      action_parameters = { cache = false }
    },
    {
      ref         = "carillon_assets"
      description = "Addresses that carry their content's hash: 30 days here, a year in browsers"
      expression  = "http.host eq \"${var.hostname}\" and starts_with(http.request.uri.path, \"/assets/\")"
      action      = "set_cache_settings"
      action_parameters = {
        cache = true
        edge_ttl = {
          mode    = "override_origin"
          default = 2592000
          status_code_ttl = [
            # -1 stores nothing: an address that is not there yet may be there in a moment.
            { status_code_range = { from = 300, to = 599 }, value = -1 },
          ]
        }
        browser_ttl = { mode = "respect_origin" }
        cache_key = {
          cache_deception_armor = true
          custom_key            = { query_string = { exclude = { all = true } } }
        }
      }
    },
    {
      ref         = "carillon_pages"
      description = "The documentation: as long as the service says, which is minutes"
      expression  = "http.host eq \"${var.hostname}\" and http.request.uri.path in {\"/docs\" \"/openapi.json\" \"/favicon.ico\"}"
      action      = "set_cache_settings"
      action_parameters = {
        cache       = true
        edge_ttl    = { mode = "respect_origin" }
        browser_ttl = { mode = "respect_origin" }
        cache_key   = { custom_key = { query_string = { exclude = { all = true } } } }
      }
    },
  ]
}

resource "cloudflare_url_normalization_settings" "zone" {
  zone_id = var.zone_id
  type    = "cloudflare" # A backslash is a slash, too, as it is to the service.
  scope   = "both"
}

# A miss is asked of one upper data centre, near the origins, before it is asked of them: the origin's shield.
resource "cloudflare_tiered_cache" "zone" {
  zone_id = var.zone_id
  value   = "on"
}

resource "cloudflare_argo_tiered_caching" "zone" {
  zone_id = var.zone_id
  value   = "on"
}
